-- Takes tokens of several buckets, one after the other at the same moment: `take` of ratelimit/bucket.py, in a language
-- whose only number is a double. Whole numbers are exact there below 2^53, so a TAT is held as seconds and nanoseconds,
-- and a debt as nanoseconds and the ticks (`fraction`) by which it is more. All are relative to now: the longest
-- period, 31 days, is 2.7e15 ns, and no sum here exceeds three of them.
--
-- KEYS: the n records; the line of this run, if it has one; the index of when keys were used, if there is one.
-- ARGV: the time ('' for the server's own), this run's number on its line and its deadline ('' if it has no line), then
-- n requests.
-- Answers four numbers for each: what became of it, the debt's nanoseconds and ticks, and the epoch; then the time.

local REQUEST = '<I4I1I1I8I8I4I8I4I8I4I4'
local DENIED, ALLOWED, NEWER_EPOCH, OTHER_LIMIT, EXCEEDS_BURST, ALLOWED_MORE = 0, 1, 2, 3, 4, 5
local INDEX_SECONDS = 5
local LINE_SECONDS = 86400

local now_s, now_ns = time_of(ARGV[1])

-- Whether a debt and a price together are within a full bucket's worth, and their sum.
local function sum(debt, fraction, price, price_fraction, ticks, period)
  debt, fraction = plus(debt, fraction, price, price_fraction, ticks)
  return debt < period or (debt == period and fraction == 0), debt, fraction
end

-- A run that was given up does nothing if it comes late: after its deadline, or after its line was closed.
local following = #ARGV - 1
if ARGV[2] ~= '' then
  local line, number, until_s, until_ns = KEYS[following], struct.unpack('<I8I8I4', ARGV[2])
  if now_s > until_s or (now_s == until_s and now_ns > until_ns) then
    return {now_s, now_ns}
  end
  local last = redis.call('SET', line, string.format('%.0f', number), 'EX', LINE_SECONDS, 'GET')
  if last and tonumber(last) >= number then
    redis.call('SET', line, last, 'EX', LINE_SECONDS)
    return {now_s, now_ns}
  end
  following = following + 1
end

local index = KEYS[following]
local answers = {}

local function answer(outcome, debt, fraction, epoch)
  local last = #answers
  answers[last + 1], answers[last + 2], answers[last + 3], answers[last + 4] = outcome, debt, fraction, epoch
end

local function take(key, request)
  local epoch, slot, exceeds, limit, period, ticks, cost, cost_fraction, more, more_fraction, count =
    struct.unpack(REQUEST, request)
  local known_limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, known_epoch =
    load(key)
  if known_epoch > epoch then
    return answer(NEWER_EPOCH, 0, 0, known_epoch)
  elseif exceeds == 1 then
    return answer(EXCEEDS_BURST, 0, 0, epoch)
  elseif limit ~= 0 and known_limit ~= 0 and known_limit ~= limit then
    return answer(OTHER_LIMIT, 0, 0, epoch)
  end

  local outcome, debt = ALLOWED, 0
  if limit == 0 then
    answer(outcome, 0, 0, epoch)
  else
    debt, fraction = debt_of(tat_s, tat_ns, fraction, now_s, now_ns, period)
    local fits, after, after_fraction = false, 0, 0
    if more > 0 then
      outcome = ALLOWED_MORE
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
    answer(outcome, debt, fraction, epoch)
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

for place = 1, #ARGV - 2 do
  take(KEYS[place], ARGV[place + 2])
end
answers[#answers + 1] = now_s
answers[#answers + 1] = now_ns
return answers
