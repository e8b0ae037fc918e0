import { useWords } from '~/i18n/use-words';
import { SideSheet } from '~/ui/dialog';

import css from './layout.module.css';
import { SideContent } from './side';

/** The menu, where there is no room for it beside the page. */
export function SideDrawer({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  return (
    <SideSheet onClose={onClose} position="left" size="18rem" title={t('app:nav.side')}>
      <div className={css.drawer}>
        <SideContent />
      </div>
    </SideSheet>
  );
}
