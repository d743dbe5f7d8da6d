-- add: KEYS state, buf, ids, age.
-- ARGV: now, topic, partition, expected, start, delivered, most entries, most bytes, most ids, window, most ids to forget at
-- once for their age; then four for each record: member, received_at, record time, id.
-- Returns "status next delivered keys-from fresh dropped repeats".

local RECORDS = 12
local entries_max, bytes_max, ids_max = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local window, forget_max = tonumber(ARGV[10]), tonumber(ARGV[11])

-- foreign reports whether what is stored belongs to another topic. The first caller names the topic.
local function foreign(state, topic)
  if state.topic then return state.topic ~= topic end
  redis.call('HSET', KEYS[1], 'topic', topic)
  return false
end

-- full reports whether all partitions together, q as it is now, have reached a bound.
local function full(state, q)
  local n, size = math.max(0, q.next - q.delivered) - q.wide, q.bytes
  for field, value in pairs(state) do
    if string.match(field, '^%d+$') and field ~= q.p then
      local next, delivered, _, wide, _, bytes = parse(value)
      if next then n, size = n + math.max(0, next - delivered) - wide, size + bytes end
    end
  end
  return n >= entries_max or size >= bytes_max
end

-- forget drops the n oldest ids.
local function forget(q, n)
  while n > 0 do
    local popped, ids = redis.call('ZPOPMIN', q.age, math.min(n, CHUNK)), {}
    if #popped == 0 then return end
    for i = 1, #popped, 2 do ids[#ids + 1] = string.sub(popped[i], 20) end
    each('HDEL', q.ids, ids)
    q.kept, n = q.kept - #ids, n - #ids
  end
end

-- remembered returns the lowest offset of each of the records' ids that is known.
local function remembered(q)
  local asked, seen = {}, {}
  for i = RECORDS, #ARGV, 4 do
    if ARGV[i + 3] ~= '' then asked[#asked + 1] = ARGV[i + 3] end
  end
  for i = 1, #asked, CHUNK do
    local offsets = redis.call('HMGET', q.ids, unpack(asked, i, math.min(i + CHUNK - 1, #asked)))
    for j = 1, #offsets do
      if offsets[j] then seen[asked[i + j - 1]] = tonumber(offsets[j]) end
    end
  end
  return seen
end

-- score returns max(at, the last score) as text: most often the caller's own, which costs nothing to print.
local function score(q, at, text)
  if at > q.last then
    q.last, q.last_text = at, text or str(at)
  elseif not q.last_text then
    q.last_text = str(q.last)
  end
  return q.last_text
end

-- append stores the records that end after next; the part before has been stored by somebody else.
local function append(q, now)
  local horizon = math.min(now, tonumber(ARGV[RECORDS + 2])) - window
  forget(q, math.min(forget_max, redis.call('ZCOUNT', q.age, '-inf', '(' .. str(horizon))))
  local seen, buf, ids, age, repeats = remembered(q), {}, {}, {}, 0
  local top = tonumber(redis.call('ZRANGE', q.age, -1, -1, 'WITHSCORES')[2]) or -math.huge
  for i = RECORDS, #ARGV, 4 do
    local member, id = ARGV[i], ARGV[i + 3]
    local offset = offset_of(member)
    if kind_of(member) == 'g' then
      local over = offset + width_of(member)
      if over > q.next then
        local from = math.max(offset, q.next, q.delivered)
        if from < over then
          buf[#buf + 1] = score(q, 0)
          buf[#buf + 1] = pad(from) .. 'g' .. str(over - from)
          q.wide, q.bytes = q.wide + over - from - 1, q.bytes + #buf[#buf]
        end
        q.next = over
      end
    elseif offset >= q.next then
      local first = id ~= '' and seen[id]
      if id ~= '' and not first then
        seen[id], q.kept = offset, q.kept + 1
        top = math.max(top, math.min(tonumber(ARGV[i + 2]), now))
        ids[#ids + 1], ids[#ids + 2] = id, str(offset)
        age[#age + 1], age[#age + 2] = str(top), string.sub(member, 1, 19) .. id
      end
      if offset >= q.delivered then
        if first and first < offset then
          member, repeats = string.sub(member, 1, 19) .. 'r', repeats + 1
        end
        local at = tonumber(ARGV[i + 1])
        buf[#buf + 1] = at <= now and score(q, at, ARGV[i + 1]) or score(q, now)
        buf[#buf + 1] = member
        q.bytes = q.bytes + #member
      end
      q.next = offset + 1
    end
  end
  each('ZADD', q.buf, buf)
  each('HSET', q.ids, ids)
  each('ZADD', q.age, age)
  forget(q, q.kept - ids_max)
  return repeats
end

local state = read_state()
if foreign(state, ARGV[2]) then return 'TOPIC 0 0 0 0 0 0' end

local q = open(state, ARGV[3], 2)
local dropped = drop_damaged(q)
local fresh = not q.next
if fresh then
  drop(q)
  q.next, q.delivered = tonumber(ARGV[5]), math.max(q.delivered, tonumber(ARGV[6]))
end

local status, repeats, due, some = 'OK', 0, tonumber(ARGV[4]), #ARGV >= RECORDS
if some then due = math.max(due, offset_of(ARGV[RECORDS])) end
if due > q.next then
  status = 'GAP'
elseif some and full(state, q) then
  status = 'FULL'
elseif some then
  repeats = append(q, clock(ARGV[1]))
end
save(q)

local keys_from, low = math.min(q.next, q.delivered), redis.call('ZRANGE', q.age, 0, 0)[1]
if low then keys_from = math.min(keys_from, offset_of(low)) end
return table.concat({status, str(q.next), str(q.delivered), str(keys_from), fresh and '1' or '0', dropped and '1' or '0', str(repeats)}, ' ')
