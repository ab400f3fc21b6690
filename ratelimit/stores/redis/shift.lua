-- Adds debts to buckets or gives tokens back to them, within what a bucket can hold, and counts allowed requests. A
-- bucket under another limit stays unchanged, but its requests are counted.
--
-- KEYS: the records. ARGV: the time ('' for the server's clock), then one change for each record: the limit, its period
-- and ticks, nanoseconds and ticks of debt, whether they are given back, and the count of requests.

local SHIFT = '<I8I8I4I8I4I1I4'

local now_s, now_ns = time_of(ARGV[1])

for position, key in ipairs(KEYS) do
  local of_limit, period, ticks, by, by_fraction, back, count = struct.unpack(SHIFT, ARGV[position + 1])
  local limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch = load(key)
  allowed = allowed + count
  if limit == of_limit or limit == 0 then
    local debt
    debt, fraction = debt_of(tat_s, tat_ns, fraction, now_s, now_ns, period)
    if back == 1 then
      by, by_fraction = -by, -by_fraction
    end
    debt, fraction = within(period, plus(debt, fraction, by, by_fraction, ticks))
    limit = of_limit
    tat_s, tat_ns = later(now_s, now_ns, debt)
  end
  save(key, limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch)
end
return #KEYS
