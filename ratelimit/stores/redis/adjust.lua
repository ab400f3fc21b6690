-- Changes what is spent of one limit, like `adjust` of ratelimit/quotas.py.
--
-- KEYS: the counter. ARGV: the time ('' for the server's clock), a claim of 0 that is not enforced, what to do with the
-- amount (SET, ADD or CHARGE), whether it is negative, then for each term of the claim the amount in nanoseconds and
-- ticks of debt, or in units and 0. CHARGE adds it, but leaves a counter with another definition as it is.
-- Returns a status as take.lua does: ALLOWED with the claim's term, its debt's nanoseconds and ticks or what is used and
-- 0, and the period's end; or TERMS_ENDED, COUNTERS_MISSING or LIMIT_CHANGED and zeros. Then the time.

local SET, CHARGE = '0', '2'
local ALLOWED, LIMIT_CHANGED, TERMS_ENDED, COUNTERS_MISSING = 1, 3, 7, 8

local counters = load_counters(KEYS)
local known = counters[KEYS[1]]
local claims = weigh(ARGV[2], 1, 1, counters)

if claims.ended then
  return {TERMS_ENDED, 0, 0, 0, 0, now_s, now_ns}
elseif claims.missing > 0 then
  return {COUNTERS_MISSING, 0, 0, 0, 0, now_s, now_ns}
elseif claims.changed > 0 then
  return {LIMIT_CHANGED, 0, 0, 0, 0, now_s, now_ns}
end

local _, term, _, before, before_fraction, _, _, ends, counter = unpack(claims[1])
if ARGV[3] == CHARGE and known and known[2] ~= counter[2] then
  return {LIMIT_CHANGED, 0, 0, 0, 0, now_s, now_ns}
end
local by, by_fraction = struct.unpack('<I8I4', ARGV[5 + term])
if ARGV[4] == '1' then
  by, by_fraction = -by, -by_fraction
end
local base, base_fraction = 0, 0
if ARGV[3] ~= SET then
  base, base_fraction = before, before_fraction
end
local value, fraction = 0, 0
if counter[1] == QUOTA then
  value = math.max(0, math.min(base + by, MAX_USED))
  counter[4] = value
  -- The larger of two values counts, as after a request. An adjustment may be to a smaller one.
  if ARGV[3] ~= CHARGE then
    counter[5] = counter[5] + 1
  end
else
  local _, period, ticks =
    struct.unpack(RATE_TERM, ARGV[2], 1 + CLAIM_BYTES + term * TERM_BYTES + TERM_HEAD_BYTES)
  value, fraction = plus(base, base_fraction, by, by_fraction, ticks)
  if base >= period and value >= base then
    -- A bucket that settling has overdrawn is not filled by adding little.
    value, fraction = base, base_fraction
  elseif base < period or value < 0 then
    value, fraction = within(period, value, fraction)
  end
  counter[4], counter[5] = later(now_s, now_ns, value)
  counter[6] = fraction
end
save_counters({[KEYS[1]] = counter})
return {ALLOWED, term, value, fraction, ends, now_s, now_ns}
