-- ARGV: a record's key, milliseconds to keep it. Notes the record by the server's time, and answers how many are noted.
local time = redis.call('TIME')
local noted = redis.pcall('HSET', key, ARGV[1], time[1] * 1000 + math.floor(time[2] / 1000))
if failed(noted) then return noted end
if redis.call('PTTL', key) < tonumber(ARGV[2]) then redis.call('PEXPIRE', key, ARGV[2]) end
return redis.call('HLEN', key)
