-- Claims of requests on counters of plans' limits, like ratelimit/claim_arithmetic.py. Put behind counters.lua.
--
-- A claim is encoded as CLAIM, its terms and, if the debt of its counter was converted to another limit, a CONVERSION:
-- the bucket that was converted (the limit's code, TAT and fraction) and its replacement.
-- claim_encoding.py has the same layouts.

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
  elseif at and string.sub(request, at, at + BUCKET_BYTES - 1) == struct.pack(BUCKET, unpack(counter, 3)) then
    local of_limit, tat_s, tat_ns, fraction = struct.unpack(BUCKET, request, at + BUCKET_BYTES)
    if of_limit == limit then
      return tat_s, tat_ns, fraction
    end
  end
end

-- Weighs a claim on a rate: sets whether it fits, and the debt (nanoseconds, ticks) before and after it.
local function weigh_rate(claim, counter, definition, cost, enforced, request, at, conversion, now_s, now_ns)
  local limit, period, ticks, price, price_fraction = struct.unpack(RATE_TERM, request, at)
  local debt, fraction = 0, 0
  if counter and counter[1] == RATE and counter[2] == definition then
    local tat_s, tat_ns, known_fraction = bucket_of(counter, limit, request, conversion)
    if not tat_s then
      claim.changed = true
      return
    end
    debt, fraction = debt_of(tat_s, tat_ns, known_fraction, now_s, now_ns, OVERDRAWN_BUCKETS * period)
  end
  local after, after_fraction = plus(debt, fraction, price, price_fraction, ticks)
  if cost == 0 then
    claim.fits = debt < period
  else
    claim.fits = after < period or (after == period and after_fraction == 0)
  end
  if enforced == 0 then
    claim.fits = true
    -- Requests overdraw it by at most one full bucket, and settling by more.
    if debt >= period then
      after, after_fraction = debt, fraction
    else
      after, after_fraction = within(period, after, after_fraction)
    end
  end
  claim.before, claim.before_fraction, claim.value, claim.fraction, claim.ends = debt, fraction, after, after_fraction, 0
  local tat_s, tat_ns = later(now_s, now_ns, after)
  claim.counter = {RATE, definition, limit, tat_s, tat_ns, after_fraction}
end

-- Weighs a claim on a quota, like `weigh_rate`. There has to be a counter: what the database has of it comes first.
local function weigh_quota(claim, counter, definition, cost, enforced, request, at, now_s)
  if not counter then
    claim.missing = true
    return
  end
  local quota, term_ends = struct.unpack(QUOTA_TERM, request, at)
  local opened = open_quota(counter, definition, term_ends, now_s)
  local used = opened[4]
  local after = math.min(used + cost, MAX_USED)
  claim.fits = enforced == 0 or (cost == 0 and used < quota) or (cost > 0 and used + cost <= quota)
  claim.before, claim.before_fraction, claim.value, claim.fraction, claim.ends = used, 0, after, 0, opened[3]
  claim.counter = {QUOTA, definition, opened[3], after, opened[5], opened[6], opened[7]}
end

-- Returns the number of the first of a claim's terms that has not ended, from 0; nil if all of them have.
local function term_of(request, at, terms, now_s)
  for term = 0, terms - 1 do
    if now_s < struct.unpack('<I8', request, at + term * TERM_BYTES) then
      return term
    end
  end
end

-- Weighs a claim on slots, in scripts that make reservations.
local weigh_slots

-- Returns the claims that `request` encodes from `at` on, weighed against their counters. `counter_of` returns the
-- counter of a claim, by its position, and the counter's name. The result also says what keeps them from being decided: `ended`, `missing` and
-- `changed` (claims as bits), and `exceeding`, the first claim that asks for more than it could ever get.
local function weigh(request, at, counter_of, now_s, now_ns)
  local claims = {missing = 0, changed = 0}
  local position, bit = 1, 1
  while at <= #request do
    local enforced, terms, converted, definition, cost = struct.unpack(CLAIM, request, at)
    at = at + CLAIM_BYTES
    local term = term_of(request, at, terms, now_s)
    if term then
      local counter, name = counter_of(position)
      local claim = {term = term, name = name, cost = cost}
      local _, kind, exceeds = struct.unpack(TERM_HEAD, request, at + term * TERM_BYTES)
      local term_at = at + term * TERM_BYTES + TERM_HEAD_BYTES
      if kind == QUOTA then
        weigh_quota(claim, counter, definition, cost, enforced, request, term_at, now_s)
      elseif kind == SLOTS then
        weigh_slots(claim, definition, cost, enforced, request, term_at, now_s)
      else
        local conversion = converted == 1 and at + terms * TERM_BYTES
        weigh_rate(claim, counter, definition, cost, enforced, request, term_at, conversion, now_s, now_ns)
      end
      claims.missing = claims.missing + (claim.missing and bit or 0)
      claims.changed = claims.changed + (claim.changed and bit or 0)
      if exceeds == 1 and not claims.exceeding then
        claims.exceeding, claims.exceeding_term = position - 1, term
      end
      claims.refused = claims.refused or not claim.fits
      claims[position] = claim
    else
      claims.ended = true
    end
    at = at + terms * TERM_BYTES + converted * 2 * BUCKET_BYTES
    position, bit = position + 1, bit * 2
  end
  return claims
end
