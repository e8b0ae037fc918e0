
import { useWords } from '~/i18n/use-words';
import { useReachability } from '~/session/reachability';
import { IconPlugConnectedX, IconWifiOff } from '~/ui/icons';

import css from './layout.module.css';

/** Says that what is shown may be old, and why; requests to models do not depend on it. */
export function ReachBanner() {
  const { t } = useWords();
  const state = useReachability();
  return (
    <div role="status">
      {state !== 'ok' && (
        <div className={css.banner}>
          {state === 'offline' ? <IconWifiOff size={18} aria-hidden /> : <IconPlugConnectedX size={18} aria-hidden />}
          {state === 'offline' ? t('app:banner.offline') : t('app:banner.down')}
        </div>
      )}
    </div>
  );
}
