-- Decisions of requests, shared by take.lua and reserve.lua. Put behind claims.lua.

local REQUEST, REQUEST_BYTES = '<I4I1I1I8I8I4I8I4I8I4I4', 54
local DENIED, ALLOWED, NEWER_EPOCH, LIMIT_CHANGED, EXCEEDS_BURST, ALLOWED_WITH_GRANT = 0, 1, 2, 3, 4, 5
local POLICY_OUTDATED, TERMS_ENDED, COUNTERS_MISSING, EXCEEDS_CLAIM = 6, 7, 8, 9
local INDEX_SECONDS = 5
local SEQUENCE_SECONDS = 86400

local index_time = math.floor(now_s / INDEX_SECONDS)

-- Returns whether a debt and a price together are within a full bucket's worth, and their sum.
local function sum(debt, fraction, price, price_fraction, ticks, period)
  debt, fraction = plus(debt, fraction, price, price_fraction, ticks)
  return debt < period or (debt == period and fraction == 0), debt, fraction
end

-- Set by `begin`: the position in KEYS of the script's own keys, the indices of keys and of usage by unit if there are any,
-- the number of the policies if it is newer than the caller's, the position in KEYS of the next claim's counter, and all
-- counters.
local own, index, unit_index, newest_policy, next_counter, counters
local changed_counters = {}

-- Reads what a call names beside its `requests` records and `own_keys` keys of the script's own. Returns false if the
-- call does nothing: its sender gave up on it, and it is after its deadline, or its sequence is closed.
local function begin(requests, own_keys)
  local following = requests + 1
  if ARGV[2] ~= '' then
    local sequence, number, until_s, until_ns = KEYS[following], struct.unpack('<I8I8I4', ARGV[2])
    if now_s > until_s or (now_s == until_s and now_ns > until_ns) then
      return false
    end
    local last = redis.call('SET', sequence, string.format('%.0f', number), 'EX', SEQUENCE_SECONDS, 'GET')
    if last and tonumber(last) >= number then
      redis.call('SET', sequence, last, 'EX', SEQUENCE_SECONDS)
      return false
    end
    following = following + 1
  end
  next_counter, own = following, following
  if ARGV[3] ~= '' then
    local policy, claims = struct.unpack('<I8I2', ARGV[3])
    if policy < NO_POLICY then
      local newest = policy_of(KEYS[following])
      newest_policy = newest > policy and newest
      next_counter = following + 1
    end
    own = next_counter + claims
    if claims > 0 then
      -- Requests of one call share counters. Each is read and written once.
      counters = load_counters({unpack(KEYS, next_counter, own - 1)})
    end
  end
  index, unit_index = KEYS[own + own_keys], KEYS[own + own_keys + 1]
  return true
end

local numbers, states = {}, {}

local function report(outcome, debt, fraction, epoch)
  local last = #numbers
  numbers[last + 1], numbers[last + 2], numbers[last + 3], numbers[last + 4] = outcome, debt, fraction, epoch
end

-- Returns a request's claims, weighed against the counters that are next in KEYS.
local function claims_of(request)
  local first = next_counter
  next_counter = first + string.byte(request, REQUEST_BYTES + 1)
  return weigh(request, REQUEST_BYTES + 2, first, counters)
end

-- Reports the states of a request's claims, and takes them if it was allowed.
local function settle(claims, is_allowed)
  local last = #states
  for _, claim in ipairs(claims) do
    local name, term, fits, before, before_fraction, after, after_fraction, ends, counter, cost = unpack(claim)
    if is_allowed then
      before, before_fraction = after, after_fraction
      -- A cost of 0 makes no counter of usage.
      if counter[1] ~= UNITS or cost > 0 then
        counters[name], changed_counters[name] = counter, counter
      end
      if unit_index and counter[1] == UNITS and cost > 0 then
        index_units(unit_index, name, counter, now_s)
      end
    end
    states[last + 1], states[last + 2], states[last + 3] = term, fits and 0 or 1, before
    states[last + 4], states[last + 5] = before_fraction, ends
    last = last + 5
  end
end

-- Decides a request. `claims` is nil if it has none.
local function take(key, request, claims)
  local epoch, slot, exceeds, limit, period, ticks, cost, cost_fraction, more, more_fraction, count =
    struct.unpack(REQUEST, request)
  local known_limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, known_epoch =
    load(key)
  if known_epoch > epoch then
    return report(NEWER_EPOCH, 0, 0, known_epoch)
  elseif claims and claims.ended then
    return report(TERMS_ENDED, 0, 0, epoch)
  elseif claims and claims.missing > 0 then
    return report(COUNTERS_MISSING, claims.missing, 0, epoch)
  elseif exceeds == 1 then
    return report(EXCEEDS_BURST, 0, 0, epoch)
  elseif claims and claims.exceeding then
    return report(EXCEEDS_CLAIM, claims.exceeding, claims.exceeding_term, epoch)
  elseif limit ~= 0 and known_limit ~= 0 and known_limit ~= limit then
    return report(LIMIT_CHANGED, 1, claims and claims.changed or 0, epoch)
  elseif claims and claims.changed > 0 then
    return report(LIMIT_CHANGED, 0, claims.changed, epoch)
  end

  local outcome, debt = ALLOWED, 0
  local refused = claims and claims.refused
  if limit == 0 then
    if refused then
      outcome = DENIED
    end
    report(outcome, 0, 0, epoch)
  else
    local known_fraction = fraction
    debt, fraction = debt_of(tat_s, tat_ns, fraction, now_s, now_ns, period)
    local fits, after, after_fraction = false, 0, 0
    if more > 0 then
      outcome = ALLOWED_WITH_GRANT
      fits, after, after_fraction = sum(debt, fraction, more, more_fraction, ticks, period)
    end
    if not fits then
      outcome = ALLOWED
      fits, after, after_fraction = sum(debt, fraction, cost, cost_fraction, ticks, period)
    end
    if fits and not refused then
      debt, fraction = after, after_fraction
    else
      outcome = DENIED
    end
    report(outcome, debt, fraction, epoch)
    if refused and debt == 0 and fraction == 0 and known_limit == limit then
      -- Only claims refused. A TAT in the past stays there: it means a full bucket, also if the clock is set back.
      fraction = known_fraction
    else
      known_limit = limit
      tat_s, tat_ns = later(now_s, now_ns, debt)
    end
  end

  if claims then
    settle(claims, outcome ~= DENIED)
  end
  allowed = allowed + count
  if outcome == DENIED then
    allowed, throttled = allowed - 1, throttled + 1
  end
  local used_s = math.max(used_s_0, used_s_1)
  if index and math.floor(used_s / INDEX_SECONDS) ~= index_time then
    redis.call('ZADD', index, now_s, key)
  end
  if slot == 1 then
    used_s_1, used_ns_1 = now_s, now_ns
  else
    used_s_0, used_ns_0 = now_s, now_ns
  end
  save(key, known_limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch)
end

-- Returns the reports of all requests, followed by their claims' states and the time.
local function reports()
  for _, number in ipairs(states) do
    numbers[#numbers + 1] = number
  end
  numbers[#numbers + 1] = now_s
  numbers[#numbers + 1] = now_ns
  return numbers
end
