-- The head of a record (see src/record/bytes.rs): version 1, kind 2, revision 3 to 18, handle 19 to 34, created, seen
-- 43 to 50, idle deadline 51 to 58, absolute deadline 59 to 66, length of the user 67 to 68, user.

-- Instants are compared in halves: a number of Lua is exact up to 2^53 only, and the deadline of what never ends is 2^64 - 1.
local function less(a, b)
  local a_low, a_high = struct.unpack('<I4I4', a)
  local b_low, b_high = struct.unpack('<I4I4', b)
  return a_high < b_high or (a_high == b_high and a_low < b_low)
end

local function known(head)
  return string.byte(head) == 1
end

local function live(head, now)
  return less(now, string.sub(head, 51, 58)) and less(now, string.sub(head, 59, 66))
end

local function failed(answer)
  return type(answer) == 'table' and answer.err
end

local key = KEYS[1]
