import { UnstyledButton } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { lazy, Suspense, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { IconSearch } from '~/ui/icons';

import css from './palette.module.css';

const Choices = lazy(() => import('./palette-choices').then((module) => ({ default: module.Choices })));

/** Ctrl or Command and K: every page by its name, without the mouse. */
export function Palette() {
  const { t } = useWords();
  const [open, setOpen] = useState(false);
  useHotkeys([['mod+K', () => setOpen(true)]], []);
  return (
    <>
      <UnstyledButton className={css.opener} onClick={() => setOpen(true)}>
        <IconSearch size={16} aria-hidden />
        <span>{t('app:palette.title')}</span>
        <kbd aria-hidden="true">Ctrl K</kbd>
      </UnstyledButton>
      {open && (
        <Suspense>
          <Choices onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
