-- KEYS: answers, their ages. ARGV: what to do, tag, digest, window in ms, most tags, then
--   begin    the lease in ms
--   finish   the answer
--   release
-- An entry is "a" digest answer, or "r" digest and until when it may be under way. Numbers stay below 2^53.
local answers, age = KEYS[1], KEYS[2]
local act, tag, digest, window, most, more = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function number(n) return string.format('%.0f', n) end

local function forget(tags)
	if #tags > 0 then
		redis.call('HDEL', answers, unpack(tags))
		redis.call('ZREM', age, unpack(tags))
	end
end

local function keep(entry)
	redis.call('HSET', answers, tag, entry)
	redis.call('ZADD', age, number(now), tag)
	local over = redis.call('ZCARD', age) - most
	if over > 0 then
		forget(redis.call('ZRANGE', age, 0, math.min(over, 100) - 1))
	end
	redis.call('PEXPIRE', answers, number(window))
	redis.call('PEXPIRE', age, number(window))
end

-- A few at a time: all of an hour's at once would hold Redis up.
forget(redis.call('ZRANGEBYSCORE', age, '-inf', number(now - window), 'LIMIT', 0, 100))

local state, same, rest
local entry, since = redis.call('HGET', answers, tag), redis.call('ZSCORE', age, tag)
if entry and since and tonumber(since) > now - window then
	state, same, rest = string.sub(entry, 1, 1), string.sub(entry, 2, 1 + #digest) == digest, string.sub(entry, 2 + #digest)
	if state == 'r' and tonumber(rest) <= now then
		state = nil
	end
end

if act == 'begin' then
	if not state then
		keep('r' .. digest .. number(now + tonumber(more)))
		return {'new'}
	elseif not same then
		return {'conflict'}
	elseif state == 'a' then
		return {'saved', rest}
	end
	return {'running'}
elseif act == 'finish' then
	if not state or same and state == 'r' then
		keep('a' .. digest .. more)
	elseif same then
		return {'saved', rest}
	end
elseif state == 'r' and same then
	forget({tag})
end
return {'done'}
