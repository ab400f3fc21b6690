-- Takes tokens of several buckets, one after the other at the same moment, like `take` of ratelimit/bucket.py.
--
-- Lua's only number type is a double, which is exact for whole numbers below 2^53. So a TAT is kept as seconds and
-- nanoseconds, and a debt as nanoseconds and the additional ticks (`fraction`). All debts are relative to now: the
-- longest period, 31 days, is 2.7e15 ns, and no sum here exceeds three of them.
--
-- KEYS: the n records, the call sequence of this call if it has one, the number of the policies if it is checked, the
-- counters of all claims in their order (the same one as often as it is claimed), the index of when keys were used if
-- there is one, and that of usage by unit if there are claims on it.
-- ARGV: the time ('' for the server's clock), this call's number in its sequence and its deadline ('' without a
-- sequence), the caller's number of the policies (NO_POLICY to check none) and the number of claims ('' for neither),
-- then n requests, each followed by the number of its claims and its claims, if it has any.
-- Returns four numbers for each request: its status, the debt's nanoseconds and ticks, and the epoch. Then five for each
-- claim of a request that was allowed or denied: its term, whether it refused, the debt's nanoseconds and ticks or what
-- is used of the quota and 0, and the end of the quota's period. Then the time.
-- With POLICY_OUTDATED the second number is the newest policies'; with COUNTERS_MISSING the claims as bits; with
-- EXCEEDS_CLAIM the claim, and the third its term; with LIMIT_CHANGED whether it is the key's, and the third the claims.

if not begin(#ARGV - 3, 0) then
  return {now_s, now_ns}
end
for position = 1, #ARGV - 3 do
  if newest_policy then
    report(POLICY_OUTDATED, newest_policy, 0, 0)
  else
    local request = ARGV[position + 3]
    take(KEYS[position], request, #request > REQUEST_BYTES and claims_of(request))
  end
end
if counters then
  save_counters(changed_counters)
end
return reports()
