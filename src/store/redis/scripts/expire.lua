-- ARGV: now. Removes the record if it has expired, and answers it.
local head = redis.pcall('GETRANGE', key, 0, 65)
if failed(head) then return head end
if head == '' or not known(head) or live(head, ARGV[1]) then return false end
local record = redis.call('GET', key)
redis.call('DEL', key)
return record
