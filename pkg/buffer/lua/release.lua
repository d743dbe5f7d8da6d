-- release: KEYS state, then buf, ids, age of each partition.
-- ARGV: topic, the spreadsheet that holds what was delivered; then the vector's offset of each partition, 0 first.
-- It answers a flush that may be old: of another topic's buffer, or of one that is gone, it touches nothing.

local state = read_state()
if state.topic ~= ARGV[1] then return 'TOPIC' end
for i = 3, #ARGV do
  local q = open(state, str(i - 3), 2 + 3 * (i - 3))
  release(q, tonumber(ARGV[i]))
  save(q)
end
redis.call('HSET', KEYS[1], 'sheet', ARGV[2])
return 'OK'
