-- Moves the end of an open reservation and of its slots, like `extend` of ratelimit/reservations.py.
--
-- KEYS: the reservation, the count of the key's open ones, then the counters of its slots. ARGV: the time, the
-- reservation's record as the caller read it, for how many seconds it stays open at least, the id of its slots, then the
-- definition of each counter.
-- Returns DONE and the new end; CHANGED if the record is another one by now; or EXPIRED and the time.

local DONE, CHANGED, EXPIRED = 1, 2, 3

local now_s, now_ns = time_of(ARGV[1])
local record, slot = ARGV[2], ARGV[4]
local status, known = unpacked(HEAD, record)
local expires = expiry(now_s, now_ns, tonumber(ARGV[3]))

if redis.pcall('GET', KEYS[1]) ~= record then
  return {CHANGED, 0}
elseif now_s >= known then
  return {EXPIRED, now_s}
elseif expires <= known then
  return {DONE, known}
end
for position = 3, #KEYS do
  local definition = tonumber(ARGV[position + 2])
  local slots, _, latest = load_slots(KEYS[position], definition, now_s)
  local at = find_slot(slots, slot)
  if at then
    slots = string.sub(slots, 1, at - 1) .. packed(SLOT, slot, expires) .. string.sub(slots, at + SLOT_BYTES)
    save_slots(KEYS[position], definition, slots, math.max(latest, expires))
  end
end
save_until(KEYS[1], packed(HEAD, status, expires) .. string.sub(record, HEAD_BYTES + 1), expires + KEPT_SECONDS)
local _, open = load_open(KEYS[2], now_s)
save_open(KEYS[2], open, expires, known)
return {DONE, expires}
