-- Merges what the database has of quotas into their counters, like `merge` of ratelimit/quotas.py.
--
-- KEYS: the counters. ARGV: for each its definition, the end of its period, what is used, and its revision.

local function merged(counter, definition, ends, used, revision)
  if not counter then
    return {QUOTA, definition, ends, used, revision, 0, 0}
  elseif counter[1] ~= QUOTA or counter[2] ~= definition then
    return nil
  end
  local _, _, known_ends, known_used, known_revision, previous_ends, previous_used = unpack(counter)
  local newest = math.max(known_revision, revision)
  if ends == known_ends then
    if revision > known_revision or (revision == known_revision and used > known_used) then
      known_used = used
    end
    return {QUOTA, definition, ends, known_used, newest, previous_ends, previous_used}
  elseif ends > known_ends then
    return {QUOTA, definition, ends, used, newest, known_ends, known_used}
  elseif ends == previous_ends then
    return {QUOTA, definition, known_ends, known_used, known_revision, ends, math.max(used, previous_used)}
  end
end

local counters, changed = load_counters(KEYS), {}
for position, name in ipairs(KEYS) do
  local counter = merged(counters[name], struct.unpack('<I8I8I8I8', ARGV[position]))
  if counter then
    counters[name], changed[name] = counter, counter
  end
end
save_counters(changed)
