import { Drawer, type DrawerProps, Modal, type ModalProps } from '@mantine/core';
import { useEffect, useState } from 'react';

import { useWords } from '~/i18n/use-words';

/** What is opened over a page is mounted when it is wanted, and gives the focus back when it goes. */
export function Dialog(props: Omit<ModalProps, 'opened'>) {
  const { t } = useWords();
  useFocusBack();
  return <Modal opened closeButtonProps={{ 'aria-label': t('app:action.close') }} {...props} />;
}

export function SideSheet(props: Omit<DrawerProps, 'opened'>) {
  const { t } = useWords();
  useFocusBack();
  return <Drawer opened closeButtonProps={{ 'aria-label': t('app:action.close') }} {...props} />;
}

function useFocusBack(): void {
  const [opener] = useState(whoOpened);
  useEffect(
    () => () => {
      // After the trap has let go.
      setTimeout(() => (opener?.isConnected === true ? opener.focus() : undefined), 0);
    },
    [opener],
  );
}

/** What has the focus; for an item of a menu, which goes away itself, the menu's button. */
function whoOpened(): HTMLElement | null {
  const active = document.activeElement;
  const button = active?.closest('[role=menu]')?.getAttribute('aria-labelledby');
  const opener = button == null ? active : document.getElementById(button);
  return opener instanceof HTMLElement && opener !== document.body ? opener : null;
}
