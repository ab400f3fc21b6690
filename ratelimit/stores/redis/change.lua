-- What is done to one record besides taking. KEYS: the record and, for `forget`, its index where there is one;
-- ARGV: the name of the change and what it needs.

local key = KEYS[1]
local limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch = load(key)

local function write()
  save(key, limit, allowed, throttled, tat_s, tat_ns, fraction, used_s_0, used_ns_0, used_s_1, used_ns_1, epoch)
  return 1
end

local changes = {}

-- ARGV[2]: an epoch, made known where it is newer.
function changes.set_epoch()
  epoch = math.max(epoch, tonumber(ARGV[2]))
  return write()
end

-- Fills the bucket.
function changes.reset()
  tat_s, tat_ns, fraction = 0, 0, 0
  return write()
end

-- ARGV[2]: the bucket as it has to be found, then as it is to be: limit, TAT and fraction. 0 where it is another one.
function changes.replace_bucket()
  if ARGV[2] ~= struct.pack('<I8I8I4I4', limit, tat_s, tat_ns, fraction) then
    return 0
  end
  limit, tat_s, tat_ns, fraction = struct.unpack('<I8I8I4I4', ARGV[3])
  return write()
end

-- ARGV[2], [3]: drops the record unless it was used at these seconds and nanoseconds or later; '' drops it anyway.
function changes.forget()
  if ARGV[2] ~= '' then
    local since_s, since_ns = tonumber(ARGV[2]), tonumber(ARGV[3])
    if used_s_0 > since_s or (used_s_0 == since_s and used_ns_0 >= since_ns)
      or used_s_1 > since_s or (used_s_1 == since_s and used_ns_1 >= since_ns) then
      return 0
    end
  end
  if KEYS[2] then
    redis.call('ZREM', KEYS[2], key)
  end
  return redis.call('DEL', key)
end

return changes[ARGV[1]]()
