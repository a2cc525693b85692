-- ARGV: now, record, milliseconds to keep it. Answers 1 if it is kept, 0 if the key is taken.
local head = redis.pcall('GETRANGE', key, 0, 65)
if failed(head) then return head end
if head ~= '' and (not known(head) or live(head, ARGV[1])) then return 0 end
local kept = redis.pcall('SET', key, ARGV[2], 'PX', ARGV[3])
if failed(kept) then return kept end
return 1
