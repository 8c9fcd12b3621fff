/** Returns whether a store failed because storage is full. */
export const isQuotaExceeded = (cause) =>
  ["QuotaExceededError", "NS_ERROR_FILE_NO_DEVICE_SPACE"].includes(cause?.name) ||
  /^(ENOSPC|EDQUOT)$/.test(cause?.code);
