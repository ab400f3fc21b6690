-- Claims of requests on counters of plans' limits, like ratelimit/claim_arithmetic.py. Put behind counters.lua. ARGV[1]
-- of such a script is the time.
--
-- A claim is encoded as CLAIM, its terms and, if the debt of its counter was converted to another limit, a CONVERSION:
-- the bucket that was converted (the limit's code, TAT and fraction) and its replacement.
-- claim_encoding.py has the same layouts.

local now_s, now_ns = time_of(ARGV[1])

local CLAIM, CLAIM_BYTES = '<I1I1I1I8I8', 19
local TERM_BYTES = 42
local RATE_TERM, QUOTA_TERM, TERM_HEAD = '<c8I8I4I8I4', '<I8I8', '<I8I1I1'
local TERM_HEAD_BYTES = 10
local BUCKET = '<c8I8I4I4'
local BUCKET_BYTES = 24
-- reservation.py has the same value.
local OVERDRAWN_BUCKETS = 2

-- Returns the TAT and fraction of a rate's counter under a limit; nil if its debt has to be converted first. `at` is
-- where the claim's conversion is, if it has one.
local function bucket_of(counter, limit, request, at)
  if counter[3] == limit then
    return counter[4], counter[5], counter[6]
  elseif at and string.sub(request, at, at + BUCKET_BYTES - 1) == packed(BUCKET, unpack(counter, 3)) then
    local of_limit, tat_s, tat_ns, fraction = unpacked(BUCKET, request, at + BUCKET_BYTES)
    if of_limit == limit then
      return tat_s, tat_ns, fraction
    end
  end
end

-- Weighs a claim on a rate. Returns whether it fits, the debt before and after it (nanoseconds, ticks each), 0 and the
-- changed counter; nil if the counter's debt has to be converted first.
local function weigh_rate(counter, definition, cost, enforced, request, at, conversion)
  local limit, period, ticks, price, price_fraction = unpacked(RATE_TERM, request, at)
  local debt, fraction = 0, 0
  if counter and counter[1] == RATE and counter[2] == definition then
    local tat_s, tat_ns, known_fraction = bucket_of(counter, limit, request, conversion)
    if not tat_s then
      return nil
    end
    debt, fraction = debt_of(tat_s, tat_ns, known_fraction, now_s, now_ns, OVERDRAWN_BUCKETS * period)
  end
  local after, after_fraction = plus(debt, fraction, price, price_fraction, ticks)
  local fits = true
  if enforced == 0 then
    -- Requests overdraw it by at most one full bucket, and settling by more.
    if debt >= period then
      after, after_fraction = debt, fraction
    else
      after, after_fraction = within(period, after, after_fraction)
    end
  elseif cost == 0 then
    fits = debt < period
  else
    fits = after < period or (after == period and after_fraction == 0)
  end
  local tat_s, tat_ns = later(now_s, now_ns, after)
  return fits, debt, fraction, after, after_fraction, 0, {RATE, definition, limit, tat_s, tat_ns, after_fraction}
end

-- Weighs a claim on a quota that has a counter. Returns whether it fits, what is used before and after it (and 0 each),
-- the end of the period and the changed counter.
local function weigh_quota(counter, definition, cost, enforced, request, at)
  local quota, term_ends = unpacked(QUOTA_TERM, request, at)
  local opened = open_quota(counter, definition, term_ends, now_s)
  local ends, used = opened[3], opened[4]
  local after = math.min(used + cost, MAX_USED)
  local fits = enforced == 0 or (cost == 0 and used < quota) or (cost > 0 and used + cost <= quota)
  return fits, used, 0, after, 0, ends, {QUOTA, definition, ends, after, opened[5], opened[6], opened[7]}
end

-- Weighs a claim that counts usage by unit. It always fits.
local function weigh_units(counter, definition, cost)
  return true, 0, 0, 0, 0, now_s, add_units(counter, now_s, cost, 0, now_s)
end

-- Returns the number of the first of a claim's terms that has not ended, from 0, what its counter is and whether the
-- cost exceeds it; nil if all of them have ended.
local function term_of(request, at, terms)
  for term = 0, terms - 1 do
    local until_s, kind, exceeds = unpacked(TERM_HEAD, request, at + term * TERM_BYTES)
    if now_s < until_s then
      return term, kind, exceeds
    end
  end
end

-- Weighs a claim on slots like `weigh_quota`, in scripts that make reservations. In place of the counter, it gets its
-- name.
local weigh_slots

-- Returns the claims that `request` encodes from `at` on, weighed against `counters`. The names of their counters begin
-- at `first` in KEYS. Each is {name, term, fits, value before (with ticks), value after (with ticks), end, counter,
-- cost}. The
-- result also says what keeps them from being decided: `ended`, `missing` and `changed` (claims as bits), and
-- `exceeding`, the first claim that asks for more than it could ever get; and whether one of them `refused`.
local function weigh(request, at, first, counters)
  local claims = {ended = false, missing = 0, changed = 0, exceeding = false, exceeding_term = 0, refused = false}
  local position, bit, last = 1, 1, #request
  while at <= last do
    local enforced, terms, converted, definition, cost = unpacked(CLAIM, request, at)
    at = at + CLAIM_BYTES
    local after_terms = at + terms * TERM_BYTES
    local term, kind, exceeds = term_of(request, at, terms)
    local name = KEYS[first + position - 1]
    local counter = counters[name]
    if not term then
      claims.ended = true
    elseif kind == QUOTA and not counter then
      claims.missing = claims.missing + bit
    else
      local weigh_one = kind == QUOTA and weigh_quota or weigh_rate
      if kind == SLOTS then
        counter, weigh_one = name, weigh_slots
      elseif kind == UNITS then
        weigh_one = weigh_units
      end
      local fits, before, before_fraction, after, after_fraction, ends, changed = weigh_one(
        counter, definition, cost, enforced, request, at + term * TERM_BYTES + TERM_HEAD_BYTES,
        converted == 1 and after_terms
      )
      if fits == nil then
        claims.changed = claims.changed + bit
      elseif not fits then
        claims.refused = true
      end
      if exceeds == 1 and not claims.exceeding then
        claims.exceeding, claims.exceeding_term = position - 1, term
      end
      claims[position] = {name, term, fits, before, before_fraction, after, after_fraction, ends, changed, cost}
    end
    at = after_terms + converted * 2 * BUCKET_BYTES
    position, bit = position + 1, bit * 2
  end
  return claims
end
