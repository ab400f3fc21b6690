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
local MAX_SECONDS = 1099511627776
local NO_POLICY = 9007199254740991
local MAX_REVISION = NO_POLICY

-- Returns the counter, or nil if there is none, or if it is damaged or of another type. The next write replaces it then.
local function load_counter(name)
  local raw = redis.pcall('GET', name)
  if type(raw) ~= 'string' then
    return nil
  elseif #raw == RATE_BYTES then
    local definition, limit, tat_s, tat_ns, fraction = struct.unpack(RATE_LAYOUT, raw)
    if tat_s < MAX_SECONDS then
      return {RATE, definition, limit, tat_s, tat_ns, fraction}
    end
  elseif #raw == QUOTA_BYTES then
    local definition, ends, used, revision, previous_ends, previous_used = struct.unpack(QUOTA_LAYOUT, raw)
    if math.max(ends, previous_ends) < MAX_SECONDS and math.max(used, previous_used) <= MAX_USED
      and revision < MAX_REVISION then
      return {QUOTA, definition, ends, used, revision, previous_ends, previous_used}
    end
  end
  return nil
end

local function save_counter(name, counter)
  redis.call('SET', name, struct.pack(counter[1] == RATE and RATE_LAYOUT or QUOTA_LAYOUT, unpack(counter, 2)))
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
