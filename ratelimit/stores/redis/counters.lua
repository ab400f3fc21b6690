-- Counters of plans' limits, like those of ratelimit/counters.py, and their encoding in Redis. Put behind record.lua.
--
-- A rate's counter is {RATE, definition, limit, TAT (seconds, nanoseconds), fraction}; the limit is its code as 8 bytes,
-- because a code is above what a double represents exactly. A quota's is {QUOTA, definition, end, used, revision,
-- previous end, previous used}. Counters of SLOTS are those of slots.lua. Usage by unit is {UNITS, definition, record,
-- whether its entry in the index is due}, with the record of ratelimit/unit_counters.py: when it changed, and for each
-- place a time and two totals. A total has more bits than a double represents exactly, so it is read in two halves.
-- reservation_record.py has the same numbers of kinds.

local RATE, RATE_LAYOUT, RATE_BYTES = 1, '<I8c8I8I4I4', 32
local QUOTA, QUOTA_LAYOUT, QUOTA_BYTES = 2, '<I8I8I8I8I8I8', 48
local SLOTS = 3
local UNITS, UNITS_BYTES = 4, 152
local PLACE, PLACE_BYTES, PLACES, QUARTER_SECONDS = '<I8I4I4I4I4', 24, 6, 900
-- A total begins again at 0 after 2^60.
local HALF, HIGHS = 4294967296, 268435456
local UNIT_INDEX_SECONDS = 5
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
  elseif #raw == UNITS_BYTES then
    return {UNITS, 0, raw}
  end
  return nil
end

-- Adds to a total. Returns its halves.
local function add_to(low, high, by)
  low, high = low + by % HALF, high + math.floor(by / HALF)
  if low >= HALF then
    low, high = low - HALF, high + 1
  end
  return low, high % HIGHS
end

-- Returns a counter of usage after `charged` and `returned` units, which belong to the quarter of the time `at`.
local function add_units(counter, at, charged, returned, now_s)
  local raw = counter and counter[1] == UNITS and counter[3] or string.rep('\0', UNITS_BYTES)
  local first = 8 + math.floor(at / QUARTER_SECONDS) % PLACES * PLACE_BYTES
  local known_at, charged_low, charged_high, returned_low, returned_high = unpacked(PLACE, raw, first + 1)
  charged_low, charged_high = add_to(charged_low, charged_high, charged)
  returned_low, returned_high = add_to(returned_low, returned_high, returned)
  local known_s = unpacked('<I8', raw)
  local record = packed('<I8', math.max(known_s, now_s)) .. string.sub(raw, 9, first)
    .. packed(PLACE, math.min(math.max(known_at, at), now_s), charged_low, charged_high, returned_low, returned_high)
    .. string.sub(raw, first + PLACE_BYTES + 1)
  return {UNITS, 0, record, math.floor(known_s / UNIT_INDEX_SECONDS) ~= math.floor(now_s / UNIT_INDEX_SECONDS)}
end

-- Notes in an index, if there is one, when a counter of usage has changed.
local function index_units(index, name, counter, now_s)
  if index and counter[4] then
    redis.call('ZADD', index, 'GT', now_s, name)
  end
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
    if counter[1] == UNITS then
      values[#values + 1] = counter[3]
    else
      values[#values + 1] = packed(counter[1] == RATE and RATE_LAYOUT or QUOTA_LAYOUT, unpack(counter, 2))
    end
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
