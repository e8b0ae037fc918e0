import { Modal, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type KeyboardEvent, useId, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useMe } from '~/session/me';
import { IconSearch } from '~/ui/icons';

import { adminPagesFor } from './admin-pages';
import { useCurrentTeam } from './current-team';
import { pagesFor } from './pages';
import css from './palette.module.css';

export function Choices({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const navigate = useNavigate();
  const me = useMe();
  const team = useCurrentTeam();
  const id = useId();
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const all = [
    ...(team === undefined
      ? []
      : pagesFor(team.role).map(({ to, name, icon }) => ({
          id: to as string,
          name: t(name),
          group: team.name,
          icon,
          go: () => navigate({ to, params: { teamId: team.id } }),
        }))),
    ...adminPagesFor(me.platform_role).map(({ to, name, icon }) => ({
      id: to as string,
      name: t(name),
      group: t('app:admin.title'),
      icon,
      go: () => navigate({ to }),
    })),
  ];
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((each) => words.every((word) => `${each.name} ${each.group} ${each.id}`.toLowerCase().includes(word)));
  const chosen = Math.min(at, found.length - 1);
  const go = (place: number) => {
    const wanted = found[place];
    if (wanted === undefined) return;
    onClose();
    void wanted.go();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'ArrowDown') setAt((chosen + 1) % Math.max(1, found.length));
    else if (event.key === 'ArrowUp') setAt((chosen - 1 + found.length) % Math.max(1, found.length));
    else if (event.key === 'Enter') go(chosen);
    else return;
    event.preventDefault();
  };
  return (
    <Modal opened onClose={onClose} withCloseButton={false} padding={0} yOffset="12vh" centered={false} aria-label={t('app:palette.title')}>
      <TextInput
        role="combobox"
        aria-label={t('app:palette.title')}
        aria-expanded
        aria-controls={id}
        aria-activedescendant={found[chosen] === undefined ? undefined : `${id}-${chosen}`}
        placeholder={t('app:palette.hint')}
        leftSection={<IconSearch size={18} />}
        size="md"
        variant="unstyled"
        data-autofocus
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul className={css.list} role="listbox" id={id} aria-label={t('app:palette.title')}>
        {found.map(({ id: key, name, group, icon: Icon }, place) => (
          <li key={key} id={`${id}-${place}`} role="option" aria-selected={place === chosen} onClick={() => go(place)} onMouseMove={() => setAt(place)}>
            <Icon size={18} aria-hidden />
            <span>{name}</span>
            <small>{group}</small>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className={css.none}>{t('app:palette.none')}</p>}
    </Modal>
  );
}
