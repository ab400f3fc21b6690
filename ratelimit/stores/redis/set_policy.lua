-- Stores the number of the policies, if it is newer.
--
-- KEYS: the number's record. ARGV: the number.

if tonumber(ARGV[1]) > policy_of(KEYS[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
