-- release: KEYS state, then buf, ids, age of each partition.
-- ARGV: the spreadsheet that holds what was delivered; then the vector's offset of each partition, 0 first.

local state = read_state()
for i = 2, #ARGV do
  local q = open(state, str(i - 2), 2 + 3 * (i - 2))
  release(q, tonumber(ARGV[i]))
  save(q)
end
redis.call('HSET', KEYS[1], 'sheet', ARGV[1])
return 'OK'
