-- Whether a value that is to be written was sealed with the key of its shipment, which may have been
-- erased meanwhile. Keeps one that was made for it.
local function own(name, wrapped, is_new)
  local held = redis.call('GET', name)
  if not held and is_new == '1' then
    redis.call('SET', name, wrapped)
    return true
  end
  return held == wrapped
end
