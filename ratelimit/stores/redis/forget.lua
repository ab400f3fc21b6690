-- Deletes counters that are as they were read.
--
-- KEYS: the counters, and the index of usage by unit if there is one. ARGV: their values. Returns for each whether it was
-- deleted, 1 or 0.

local index, deleted = KEYS[#ARGV + 1], {}
for position, value in ipairs(ARGV) do
  local name = KEYS[position]
  deleted[position] = 0
  if redis.pcall('GET', name) == value then
    deleted[position] = redis.call('DEL', name)
    if index then
      redis.call('ZREM', index, name)
    end
  end
end
return deleted
