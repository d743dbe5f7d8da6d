-- What add, plan and release share: each script is this text followed by its own.
--
-- KEYS[1] is the form's state; the keys of its partitions follow. A script touches nothing else, as a cluster demands.
-- Offsets and times are numbers here, exact below 2^53, but only str writes them: ".." prints 14 digits and then an exponent.

local CHUNK = 1000 -- most values for one unpack: a Lua stack is small

local function str(n) return string.format('%.0f', n) end
local function pad(n) local s = str(n) return string.rep('0', 19 - #s) .. s end
local function offset_of(member) return tonumber(string.sub(member, 1, 19)) end
local function kind_of(member) return string.sub(member, 20, 20) end
local function width_of(member) return tonumber(string.sub(member, 21)) end

-- clock returns the milliseconds that a test has set, or the server's.
local function clock(set)
  if set ~= '' then return tonumber(set) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- each calls command with a key and the values of a list, some at a time.
local function each(command, key, list)
  for i = 1, #list, CHUNK do
    redis.call(command, key, unpack(list, i, math.min(i + CHUNK - 1, #list)))
  end
end

local function read_state()
  local flat, state = redis.call('HGETALL', KEYS[1]), {}
  for i = 1, #flat, 2 do state[flat[i]] = flat[i + 1] end
  return state
end

-- parse reads a partition's field: next ("-": nothing stored), delivered, last score, wide, number of ids, bytes of entries.
local function parse(field)
  local n, d, l, w, k, b = string.match(field, '^([%d-]+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
  return tonumber(n or '-'), tonumber(d or 0), tonumber(l or 0), tonumber(w or 0), tonumber(k or 0), tonumber(b or 0)
end

-- open returns the partition p, whose keys begin at KEYS[i].
local function open(state, p, i)
  local q = {p = p, stored = state[p] or '- 0 0 0 0 0', buf = KEYS[i], ids = KEYS[i + 1], age = KEYS[i + 2]}
  q.next, q.delivered, q.last, q.wide, q.kept, q.bytes = parse(q.stored)
  return q
end

local function save(q)
  local field = table.concat({q.next and str(q.next) or '-', str(q.delivered), str(q.last), str(q.wide), str(q.kept), str(q.bytes)}, ' ')
  if field ~= q.stored then redis.call('HSET', KEYS[1], q.p, field) end
end

-- drop forgets a partition, all but delivered.
local function drop(q)
  redis.call('UNLINK', q.buf, q.ids, q.age)
  q.next, q.last, q.wide, q.kept, q.bytes = nil, 0, 0, 0, 0
end

-- drop_damaged checks the books and drops the partition when they do not hold.
local function drop_damaged(q)
  if not q.next then return false end
  local whole = redis.call('ZCARD', q.buf) + q.wide == math.max(0, q.next - q.delivered)
    and redis.call('ZCARD', q.age) == q.kept and redis.call('HLEN', q.ids) == q.kept
  if not whole then drop(q) end
  return not whole
end

-- count_below counts the entries that begin before offset v. Entries stand in offset order: a binary search, whose first
-- two looks are enough where neither a gap nor a loss is in the way.
local function count_below(q, v)
  local low, high = 0, redis.call('ZCARD', q.buf)
  local look, first = math.min(v - q.delivered, high) - 1, true
  while low < high do
    if offset_of(redis.call('ZRANGE', q.buf, look, look)[1]) < v then low = look + 1 else high = look end
    look, first = first and low or math.floor((low + high) / 2), false
  end
  return low
end

-- discount takes the first n entries out of bytes, and the gaps among them out of wide. It returns, as arguments for ZADD,
-- what the last gap holds from v on: a narrower gap with the same score.
local function discount(q, n, v)
  local rest = {}
  for from = 0, n - 1, CHUNK do
    for _, member in ipairs(redis.call('ZRANGE', q.buf, from, math.min(from + CHUNK, n) - 1)) do
      q.bytes = q.bytes - #member
      if kind_of(member) == 'g' then
        local width = width_of(member)
        local over = offset_of(member) + width - v
        q.wide = q.wide - (width - 1)
        if over > 0 then
          rest = {redis.call('ZSCORE', q.buf, member), pad(v) .. 'g' .. str(over)}
          q.wide, q.bytes = q.wide + over - 1, q.bytes + #rest[2]
        end
      end
    end
  end
  return rest
end

-- release removes the entries below v and moves delivered up. Of a partition that is not stored it knows only delivered.
-- It removes before it writes: a Redis without memory refuses a script whose first change needs some.
local function release(q, v)
  if v <= q.delivered then return end
  if q.next then
    local n = count_below(q, v)
    local rest = discount(q, n, v)
    if n > 0 then redis.call('ZREMRANGEBYRANK', q.buf, 0, n - 1) end
    each('ZADD', q.buf, rest)
  end
  q.delivered = v
end
