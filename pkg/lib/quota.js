/** Whether a store failed because the host gives it no more room. */
export const isQuotaExceeded = (cause) =>
  ["QuotaExceededError", "NS_ERROR_FILE_NO_DEVICE_SPACE"].includes(cause?.name) ||
  /^(ENOSPC|EDQUOT)$/.test(cause?.code);
