-- ARGV: milliseconds, keys of records. Forgets those that were noted at least so long ago; a younger one may be of a
-- record that is just being written.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local forgotten = 0
for index = 2, #ARGV do
  local noted = redis.pcall('HGET', key, ARGV[index])
  if failed(noted) then return noted end
  if noted and now - noted >= tonumber(ARGV[1]) then
    forgotten = forgotten + redis.call('HDEL', key, ARGV[index])
  end
end
return forgotten
