-- Shared by all scripts, and put in front of each: the time, and the encoding of records in Redis.

local RECORD = '<I8I8I8I8I4I4I8I4I8I4I4'
local RECORD_BYTES = 68
local BILLION = 1000000000

-- Returns the time in an argument, as seconds and nanoseconds; '' stands for the server's clock.
local function time_of(argument)
  if argument == '' then
    local time = redis.call('TIME')
    return tonumber(time[1]), tonumber(time[2]) * 1000
  end
  return struct.unpack('<I8I4', argument)
end

-- Returns the record: limit, allowed, throttled, TAT (seconds, nanoseconds) and fraction, last use of each secret
-- (seconds, nanoseconds), epoch. Returns zeros if there is no record, or if it is damaged or of another type. The next
-- write replaces it then.
local function load(key)
  local raw = redis.pcall('GET', key)
  if type(raw) == 'string' and #raw == RECORD_BYTES then
    local limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch =
      struct.unpack(RECORD, raw)
    -- layout.py has the same bounds. Larger numbers mean damage. This is on the path of every request, so there is no
    -- call in it.
    if tat_s < 8589934592 and used_s_0 < 8589934592 and used_s_1 < 8589934592
      and allowed < 9007199254740992 and throttled < 9007199254740992 then
      -- MAX_EPOCH of ratelimit/bucket.py. No key can reach a higher epoch, so with one in the record, changes and
      -- revocations would have no effect.
      if epoch >= 1073741824 then
        epoch = 0
      end
      return limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch
    end
  end
  return 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
end

-- Writes the record. The arguments are the values that `load` returns.
local function save(key, ...)
  redis.call('SET', key, struct.pack(RECORD, ...))
end

-- Returns the time that is `by` nanoseconds after another.
local function later(s, ns, by)
  return s + math.floor((ns + by) / BILLION), (ns + by) % BILLION
end

-- Adds nanoseconds and ticks, both of which may be negative.
local function plus(ns, fraction, more_ns, more_fraction, ticks)
  ns, fraction = ns + more_ns, fraction + more_fraction
  if fraction >= ticks then
    return ns + 1, fraction - ticks
  elseif fraction < 0 then
    return ns - 1, fraction + ticks
  end
  return ns, fraction
end

-- Limits a debt to what a bucket can lack: from nothing to its whole period.
local function within(period, debt, fraction)
  if debt < 0 then
    return 0, 0
  elseif debt >= period then
    return period, 0
  end
  return debt, fraction
end

-- Returns a bucket's debt at a time: what is missing from then until its TAT.
local function debt_of(tat_s, tat_ns, fraction, now_s, now_ns, period)
  return within(period, (tat_s - now_s) * BILLION + (tat_ns - now_ns), fraction)
end
