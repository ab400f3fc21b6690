-- Decides one request like take.lua, and if it is allowed makes a reservation, like `reserve` of
-- ratelimit/reservations.py.
--
-- KEYS and ARGV are those of take.lua for one request, with the reservation and the count of the key's open ones in KEYS
-- before the index. Then ARGV has for how many seconds the reservation is open and how many a key may have, the id of its
-- slots, the names in its record, and the entry of the limit `key` ('' for none).
-- Returns when it expires (0 if it was not made), and then what take.lua returns. A status more is TOO_MANY_OPEN.

local TOO_MANY_OPEN = 10

local ttl, most_open = unpacked('<I8I8', ARGV[5])
local slot = ARGV[6]
local expires = expiry(now_s, now_ns, ttl)

-- Weighs a claim on slots. Returns whether it fits, how many are held before and after it (and 0 each), when enough of
-- them have ended if it doesn't, and the changed counter.
weigh_slots = function(name, definition, cost, enforced, request, at)
  local allowed = unpacked('<I8', request, at)
  local slots, held, latest = load_slots(name, definition, now_s)
  local before, free_at = held, 0
  local fits = enforced == 0 or held < allowed
  if not fits then
    local ends = {}
    for from = 1, #slots, SLOT_BYTES do
      ends[#ends + 1] = unpacked('<I8', slots, from + ID_BYTES)
    end
    table.sort(ends)
    free_at = ends[held - math.max(allowed, 1) + 1]
  end
  if cost > 0 and held < MAX_SLOTS then
    slots, held, latest = slots .. packed(SLOT, slot, expires), held + 1, math.max(latest, expires)
  end
  return fits, before, 0, held, 0, free_at, {SLOTS, definition, slots, latest}
end

-- Returns the entry of a claim in the reservation's record.
local function entry_of(counter, cost)
  local kind, definition, limit, ends = counter[1], counter[2], '\0\0\0\0\0\0\0\0', 0
  if kind == RATE then
    limit = counter[3]
  elseif kind == QUOTA then
    ends = counter[3]
  elseif kind == UNITS then
    ends = now_s
  else
    -- One reservation holds one slot, whatever it costs.
    cost = math.min(cost, 1)
  end
  return packed(ENTRY, kind, definition, limit, ends, cost)
end

if not begin(1, 2) then
  return {0, now_s, now_ns}
end
local key, request = KEYS[1], ARGV[4]
if newest_policy then
  report(POLICY_OUTDATED, newest_policy, 0, 0)
  return {0, unpack(reports())}
end
local total, open = load_open(KEYS[own + 1], now_s)
if total >= most_open and select(11, load(key)) <= unpacked('<I4', request) then
  report(TOO_MANY_OPEN, 0, 0, 0)
  return {0, unpack(reports())}
end

local claims = #request > REQUEST_BYTES and claims_of(request)
take(key, request, claims)
if numbers[1] ~= ALLOWED then
  return {0, unpack(reports())}
end
local parts = {packed(HEAD, 0, expires), ARGV[7], ARGV[8]}
for _, claim in ipairs(claims or {}) do
  local name, counter, cost = claim[1], claim[9], claim[10]
  parts[#parts + 1] = entry_of(counter, cost)
  if counter[1] == SLOTS then
    save_slots(name, unpack(counter, 2))
    changed_counters[name] = nil
  end
end
save_counters(changed_counters)
save_until(KEYS[own], table.concat(parts), expires + KEPT_SECONDS)
save_open(KEYS[own + 1], open, expires, 0)
return {expires, unpack(reports())}
