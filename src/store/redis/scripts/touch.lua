-- ARGV: now, revision, idle deadline, most milliseconds to keep anything, milliseconds to keep it beyond its deadline.
-- Answers 1 if it was noted, 0 if there is no record, 2 if it has another revision or is not live.
local head = redis.pcall('GETRANGE', key, 0, 65)
if failed(head) then return head end
if head == '' then return 0 end
if not known(head) then return 2 end
if not live(head, ARGV[1]) then return 0 end
if string.byte(head, 2) ~= 0 or string.sub(head, 3, 18) ~= ARGV[2] then return 2 end
local seen, idle, absolute = string.sub(head, 43, 50), string.sub(head, 51, 58), string.sub(head, 59, 66)
local deadline = ARGV[3]
if less(absolute, deadline) then deadline = absolute end
if less(idle, deadline) then idle = deadline end
if less(seen, ARGV[1]) then seen = ARGV[1] end
-- In place: what has another length stays as it is, and is neither copied nor replicated.
local noted = redis.pcall('SETRANGE', key, 42, seen .. idle)
if failed(noted) then return noted end
local function number(instant)
  local low, high = struct.unpack('<I4I4', instant)
  return high * 4294967296 + low
end
local left = number(idle)
if less(absolute, idle) then left = number(absolute) end
left = math.min(left - number(ARGV[1]), tonumber(ARGV[4])) + tonumber(ARGV[5])
redis.call('PEXPIRE', key, string.format('%.0f', left))
return 1
