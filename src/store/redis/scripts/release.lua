-- ARGV: a record's key, milliseconds. Forgets that record as the first of its handle, if it was noted at least so long ago.
-- The value is the key, and in 8 bytes for how many milliseconds it was to be kept.
local noted = redis.pcall('GET', key)
if failed(noted) then return noted end
if not noted or #noted ~= 40 or string.sub(noted, 1, 32) ~= ARGV[1] then return 0 end
local kept = struct.unpack('<I8', noted, 33)
if kept - redis.call('PTTL', key) < tonumber(ARGV[2]) then return 0 end
return redis.call('DEL', key)
