-- plan: KEYS state, then buf, ids, age of each partition.
-- ARGV: now, topic, settle, most entries, most bytes; then the vector's offset of each partition, 0 first.
-- Returns the status, and with OK the entries: "partition score member".

local VECTOR = 6
local until_score, limit, bytes = clock(ARGV[1]) - tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

-- advance moves to the partition's next entry; its score is nil at the end and where entries are too young. What is read
-- at a time doubles from 32 to 512: little is read in vain, however many partitions there are or however few have it all.
local function advance(q)
  q.at = q.at + 2
  if q.at > #q.rows then
    q.rows, q.at = redis.call('ZRANGE', q.buf, q.rank, q.rank + q.size - 1, 'WITHSCORES'), 1
    q.rank, q.size = q.rank + q.size, math.min(q.size * 2, 512)
  end
  q.score = tonumber(q.rows[q.at + 1])
  if q.score and q.score > until_score then q.score = nil end
end

-- merge returns the oldest entries. A partition whose entries do not follow each other is dropped: two losses can balance
-- in the books, such as a gap's and a submission's.
local function merge(parts)
  local readers, out = {}, {'OK'}
  for _, q in ipairs(parts) do
    if q.next then
      q.rows, q.at, q.rank, q.size, q.due = {}, 1, 0, 32, q.delivered
      advance(q)
      if q.score then readers[#readers + 1] = q end
    end
  end
  while #out <= limit and bytes > 0 do
    local best
    for _, q in ipairs(readers) do
      if q.score and (not best or q.score < best.score) then best = q end
    end
    if not best then break end
    local member = best.rows[best.at]
    if offset_of(member) ~= best.due then
      drop(best)
      return {'BOOKS'}
    end
    best.due = best.due + (kind_of(member) == 'g' and width_of(member) or 1)
    out[#out + 1] = best.p .. ' ' .. str(best.score) .. ' ' .. member
    bytes = bytes - #member
    advance(best)
  end
  return out
end

local function answer(parts)
  for i, q in ipairs(parts) do release(q, tonumber(ARGV[VECTOR + i - 1])) end
  for i, q in ipairs(parts) do
    if q.delivered > tonumber(ARGV[VECTOR + i - 1]) then return {'STALE'} end
  end
  local damaged = false
  for _, q in ipairs(parts) do damaged = drop_damaged(q) or damaged end
  if damaged then return {'BOOKS'} end
  local out = merge(parts)
  if #out == 1 and out[1] == 'OK' then return {'NOTHING'} end
  return out
end

local state = read_state()
if not state.topic then return {'NOTHING'} end -- nothing is stored; only a consumer names the topic, which has just asked for it
if state.topic ~= ARGV[2] then return {'TOPIC'} end
local parts = {}
for i = VECTOR, #ARGV do
  parts[#parts + 1] = open(state, str(#parts), 2 + 3 * #parts)
end
local out = answer(parts)
for _, q in ipairs(parts) do save(q) end
return out
