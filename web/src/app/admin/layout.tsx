import { Outlet } from '@tanstack/react-router';

import { useWords } from '~/i18n/use-words';
import { useMe } from '~/session/me';
import { IconLock } from '~/ui/icons';
import { Empty } from '~/ui/states';

/** Below `/admin`: for the platform's people. The server refuses everybody else too. */
export function AdminLayout() {
  const { t } = useWords();
  const { platform_role: role } = useMe();
  if (role === null) {
    return <Empty alone icon={<IconLock />} title={t('app:admin.forbidden')} text={t('app:admin.forbiddenText')} />;
  }
  return <Outlet />;
}
