-- ARGV: now, expected revision, record, milliseconds to keep it, 1 if the indexes have the record. Answers 1 if it was
-- replaced, 0 if there is none, 2 if the indexes must have it first, the record that has another revision, or in a list the
-- head of the one that a record of the kind 'ended' has replaced.
local head = redis.pcall('GETRANGE', key, 0, 579)
if failed(head) then return head end
if head == '' then return 0 end
if not known(head) then return redis.call('GET', key) end
if not live(head, ARGV[1]) then return 0 end
if string.sub(head, 3, 18) ~= ARGV[2] then return redis.call('GET', key) end
local ends = string.byte(ARGV[3], 2) == 3
if ARGV[5] ~= '1' and not ends then
  local new = ARGV[3]
  local named = 67 + 1 + math.max(struct.unpack('<I2', new, 67) - 1, 0)
  if string.sub(head, 19, 34) ~= string.sub(new, 19, 34)
    or string.sub(head, 67, named) ~= string.sub(new, 67, named)
    or less(string.sub(head, 59, 66), string.sub(new, 59, 66)) then
    return 2
  end
end
local kept = redis.pcall('SET', key, ARGV[3], 'PX', ARGV[4])
if failed(kept) then
  if not ends or not string.find(kept.err, 'OOM') then return kept end
  -- To end a session needs no memory: where there is none, creations are refused as well.
  redis.call('DEL', key)
end
if ends then return {head} end
return 1
