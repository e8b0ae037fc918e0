import i18next from 'i18next';
import { useCallback } from 'react';

import { Problem } from '~/api/problem';
import { useWords } from '~/i18n/use-words';

/**
 * A sentence for an error: ours where we have one for its code, else what the API said. The API's
 * own words are English and precise; they are better than a vague sentence in any language.
 */
export function useProblemText(): (error: Error) => string {
  const { t } = useWords();
  return useCallback(
    (error: Error) => {
      if (!(error instanceof Problem)) return t('errors:unexpected');
      if (error.unreachable) return t('errors:unreachable');
      if (error.status === 429 && error.retryAfterS !== null) {
        return t('errors:rate_limited_for', { count: error.retryAfterS });
      }
      if (error.status >= 500) return t('errors:ours');
      const key = `errors:code.${error.code}`;
      return i18next.exists(key) ? String(i18next.t(key as never)) : error.message;
    },
    [t],
  );
}
