import { useWords } from '~/i18n/use-words';
import { Money } from '~/ui/amounts';
import { TextLink } from '~/ui/link';

import { useLog } from './api';

/** What a request cost, once its record is there; and the way to it. */
export function RequestCost({ teamId, requestId }: { teamId: string; requestId: string }) {
  const { t } = useWords();
  const { data } = useLog(requestId, true);
  return (
    <>
      {data !== undefined && (
        <span>
          {t('logs:costs')} <Money value={data.cost.total_nanos} places={9} />
        </span>
      )}
      <TextLink to="/teams/$teamId/logs/$requestId" params={{ teamId, requestId }} inherit>
        {t('logs:toRecord')}
      </TextLink>
    </>
  );
}
