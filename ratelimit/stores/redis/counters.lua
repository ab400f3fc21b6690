-- Counters of plans' limits, like those of ratelimit/counters.py, and their encoding in Redis. Put behind record.lua.
--
-- A rate's counter is {RATE, definition, limit, TAT (seconds, nanoseconds), fraction}; the limit is its code as 8 bytes,
-- because a code is above what a double represents exactly. A quota's is {QUOTA, definition, end, used, revision,
-- previous end, previous used}. Counters of SLOTS are those of slots.lua.
-- reservation_record.py has the same numbers of kinds.

local RATE, RATE_LAYOUT, RATE_BYTES = 1, '<I8c8I8I4I4', 32
local QUOTA, QUOTA_LAYOUT, QUOTA_BYTES = 2, '<I8I8I8I8I8I8', 48
local SLOTS = 3
-- claim.py has the same values.
local MAX_USED = 4503599627370496
local FOREVER = 253402300799
local NO_POLICY = 9007199254740991
local MAX_REVISION = NO_POLICY

local unpacked, packed = struct.unpack, struct.pack

-- Returns the counter in a value; nil if there is none, or if it is damaged. The next write replaces it then.
local function counter_in(raw)
  if not raw then
    return nil
  elseif #raw == RATE_BYTES then
    local definition, limit, tat_s, tat_ns, fraction = unpacked(RATE_LAYOUT, raw)
    -- As in record.lua.
    if tat_s < 8589934592 then
      return {RATE, definition, limit, tat_s, tat_ns, fraction}
    end
  elseif #raw == QUOTA_BYTES then
    local definition, ends, used, revision, previous_ends, previous_used = unpacked(QUOTA_LAYOUT, raw)
    if ends <= FOREVER and previous_ends <= FOREVER and used <= MAX_USED and previous_used <= MAX_USED
      and revision < MAX_REVISION then
      return {QUOTA, definition, ends, used, revision, previous_ends, previous_used}
    end
  end
  return nil
end

-- Returns the counters with these names, each by its name; false for one that does not exist. One call for all is much
-- cheaper than one for each, and has no value for a key of another type.
local function load_counters(names)
  local counters = {}
  for position, raw in ipairs(redis.call('MGET', unpack(names))) do
    local name = names[position]
    if counters[name] == nil then
      counters[name] = counter_in(raw) or false
    end
  end
  return counters
end

-- Writes counters that are listed by name.
local function save_counters(counters)
  local values = {}
  for name, counter in pairs(counters) do
    values[#values + 1] = name
    values[#values + 1] = packed(counter[1] == RATE and RATE_LAYOUT or QUOTA_LAYOUT, unpack(counter, 2))
  end
  if #values > 0 then
    redis.call('MSET', unpack(values))
  end
end

-- Returns a quota's counter as it is at a time, with the period that is open then. `ends` is the end of the period that
-- opens if none is. One with another definition starts again.
local function open_quota(counter, definition, ends, now_s)
  if counter[1] ~= QUOTA or counter[2] ~= definition then
    return {QUOTA, definition, ends, 0, 0, 0, 0}
  elseif counter[3] > now_s then
    return counter
  end
  return {QUOTA, definition, ends, 0, counter[5], counter[3], counter[4]}
end

-- Returns the number of the newest policies; 0 if none were published, or if it is damaged.
local function policy_of(name)
  local raw = redis.pcall('GET', name)
  local number = type(raw) == 'string' and tonumber(raw)
  return number and number > 0 and number < NO_POLICY and number or 0
end
