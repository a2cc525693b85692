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
  local low, high = struct.unpack('<I4I4', now)
  local idle_low, idle_high, absolute_low, absolute_high = struct.unpack('<I4I4I4I4', head, 51)
  return (high < idle_high or (high == idle_high and low < idle_low))
    and (high < absolute_high or (high == absolute_high and low < absolute_low))
end

local function failed(answer)
  return type(answer) == 'table' and answer.err
end

local key = KEYS[1]
