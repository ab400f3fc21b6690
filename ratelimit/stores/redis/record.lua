-- What the scripts have in common: the time, and the records as Redis holds them. It stands at the head of each.

local RECORD = '<I8I8I8I8I4I4I8I4I8I4I4'
local RECORD_BYTES = 68
local BILLION = 1000000000

-- The time that an argument gives: '' is the server's own.
local function time_of(argument)
  if argument == '' then
    local time = redis.call('TIME')
    return tonumber(time[1]), tonumber(time[2]) * 1000
  end
  return struct.unpack('<I8I4', argument)
end

-- What is beyond these bounds was damaged.
local function is_sane(allowed, throttled, tat_s, used_s_0, used_s_1)
  return math.max(tat_s, used_s_0, used_s_1) < 8589934592 and math.max(allowed, throttled) < 9007199254740992
end

-- The record: limit, allowed, throttled, TAT (seconds, nanoseconds) and fraction, last use of either secret (the same),
-- epoch. Zeros where there is none, or what is there is damaged or of another type; it is replaced then.
local function load(key)
  local raw = redis.pcall('GET', key)
  if type(raw) == 'string' and #raw == RECORD_BYTES then
    local limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch =
      struct.unpack(RECORD, raw)
    if is_sane(allowed, throttled, tat_s, used_s_0, used_s_1) then
      -- As MOST_EPOCH of ratelimit/bucket.py: a key could never reach it, and be neither changed nor revoked at once.
      if epoch >= 1073741824 then
        epoch = 0
      end
      return limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch
    end
  end
  return 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
end

-- Replaces the record by what `load` would return.
local function save(key, ...)
  redis.call('SET', key, struct.pack(RECORD, ...))
end

-- The moment that lies so many nanoseconds behind another.
local function later(s, ns, by)
  return s + math.floor((ns + by) / BILLION), (ns + by) % BILLION
end

-- Nanoseconds and ticks, with so many more; or fewer, where these are negative.
local function plus(ns, fraction, more_ns, more_fraction, ticks)
  ns, fraction = ns + more_ns, fraction + more_fraction
  if fraction >= ticks then
    return ns + 1, fraction - ticks
  elseif fraction < 0 then
    return ns - 1, fraction + ticks
  end
  return ns, fraction
end

-- A debt drawn in to what a bucket can owe: from nothing to its whole period.
local function within(period, debt, fraction)
  if debt < 0 then
    return 0, 0
  elseif debt >= period then
    return period, 0
  end
  return debt, fraction
end

-- What a bucket owes at a moment: from then until its TAT.
local function debt_of(tat_s, tat_ns, fraction, now_s, now_ns, period)
  return within(period, (tat_s - now_s) * BILLION + (tat_ns - now_ns), fraction)
end
