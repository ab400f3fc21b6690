-- Takes tokens of several buckets, one after the other at the same moment, like `take` of ratelimit/bucket.py.
--
-- Lua's only number type is a double, which is exact for whole numbers below 2^53. So a TAT is kept as seconds and
-- nanoseconds, and a debt as nanoseconds and the additional ticks (`fraction`). All debts are relative to now: the
-- longest period, 31 days, is 2.7e15 ns, and no sum here exceeds three of them.
--
-- KEYS: the n records, the call sequence of this call if it has one, the index of when keys were used if there is one.
-- ARGV: the time ('' for the server's clock), this call's number in its sequence and its deadline ('' without a
-- sequence), then n requests.
-- Returns four numbers for each request: its status, the debt's nanoseconds and ticks, and the epoch. Then the time.

local REQUEST = '<I4I1I1I8I8I4I8I4I8I4I4'
local DENIED, ALLOWED, NEWER_EPOCH, LIMIT_CHANGED, EXCEEDS_BURST, ALLOWED_WITH_GRANT = 0, 1, 2, 3, 4, 5
local INDEX_SECONDS = 5
local SEQUENCE_SECONDS = 86400

local now_s, now_ns = time_of(ARGV[1])

-- Returns whether a debt and a price together are within a full bucket's worth, and their sum.
local function sum(debt, fraction, price, price_fraction, ticks, period)
  debt, fraction = plus(debt, fraction, price, price_fraction, ticks)
  return debt < period or (debt == period and fraction == 0), debt, fraction
end

-- A call that its sender gave up on does nothing if it is late: after its deadline, or once its sequence is closed.
local following = #ARGV - 1
if ARGV[2] ~= '' then
  local sequence, number, until_s, until_ns = KEYS[following], struct.unpack('<I8I8I4', ARGV[2])
  if now_s > until_s or (now_s == until_s and now_ns > until_ns) then
    return {now_s, now_ns}
  end
  local last = redis.call('SET', sequence, string.format('%.0f', number), 'EX', SEQUENCE_SECONDS, 'GET')
  if last and tonumber(last) >= number then
    redis.call('SET', sequence, last, 'EX', SEQUENCE_SECONDS)
    return {now_s, now_ns}
  end
  following = following + 1
end

local index = KEYS[following]
local numbers = {}

local function report(outcome, debt, fraction, epoch)
  local last = #numbers
  numbers[last + 1], numbers[last + 2], numbers[last + 3], numbers[last + 4] = outcome, debt, fraction, epoch
end

local function take(key, request)
  local epoch, slot, exceeds, limit, period, ticks, cost, cost_fraction, more, more_fraction, count =
    struct.unpack(REQUEST, request)
  local known_limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, known_epoch =
    load(key)
  if known_epoch > epoch then
    return report(NEWER_EPOCH, 0, 0, known_epoch)
  elseif exceeds == 1 then
    return report(EXCEEDS_BURST, 0, 0, epoch)
  elseif limit ~= 0 and known_limit ~= 0 and known_limit ~= limit then
    return report(LIMIT_CHANGED, 0, 0, epoch)
  end

  local outcome, debt = ALLOWED, 0
  if limit == 0 then
    report(outcome, 0, 0, epoch)
  else
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
    if fits then
      debt, fraction = after, after_fraction
    else
      outcome = DENIED
    end
    known_limit = limit
    tat_s, tat_ns = later(now_s, now_ns, debt)
    report(outcome, debt, fraction, epoch)
  end

  allowed = allowed + count
  if outcome == DENIED then
    allowed, throttled = allowed - 1, throttled + 1
  end
  local used_s = math.max(used_s_0, used_s_1)
  if index and math.floor(used_s / INDEX_SECONDS) ~= math.floor(now_s / INDEX_SECONDS) then
    redis.call('ZADD', index, now_s, key)
  end
  if slot == 1 then
    used_s_1, used_ns_1 = now_s, now_ns
  else
    used_s_0, used_ns_0 = now_s, now_ns
  end
  save(key, known_limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch)
end

for position = 1, #ARGV - 2 do
  take(KEYS[position], ARGV[position + 2])
end
numbers[#numbers + 1] = now_s
numbers[#numbers + 1] = now_ns
return numbers
