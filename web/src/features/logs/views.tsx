import { ActionIcon, Button, Menu, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { Dialog } from '~/ui/dialog';
import { IconBookmark, IconTrash } from '~/ui/icons';

import { logSearch, type LogSearch } from './search';
import css from './logs.module.css';

interface View {
  name: string;
  search: LogSearch;
}

const MOST = 20;
const keyOf = (teamId: string) => `opengateway-views-${teamId}`;

function kept(teamId: string): View[] {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(keyOf(teamId)) ?? '[]');
    if (!Array.isArray(read)) return [];
    return read
      .filter((each): each is View => typeof (each as View | null)?.name === 'string')
      .map(({ name, search }) => ({ name, search: logSearch(search as Record<string, unknown>) }));
  } catch {
    return [];
  }
}

interface ViewsProps {
  teamId: string;
  search: LogSearch;
  onOpen: (search: LogSearch) => void;
}

/** Filters under a name, kept on this device. */
export function Views({ teamId, search, onOpen }: ViewsProps) {
  const { t } = useWords();
  const [views, setViews] = useState(() => kept(teamId));
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState('');
  const keep = (next: View[]) => {
    setViews(next);
    try {
      localStorage.setItem(keyOf(teamId), JSON.stringify(next));
    } catch {
      // Storage is switched off: the view lasts as long as the page.
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    keep([...views.filter((view) => view.name !== name.trim()), { name: name.trim(), search }].slice(-MOST));
    setNaming(false);
    setName('');
  };
  return (
    <>
      <Menu shadow="md" position="bottom-end">
        <Menu.Target>
          <Button variant="default" leftSection={<IconBookmark size={16} />}>
            {t('logs:views.title')}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {views.map((view) => (
            <Menu.Item key={view.name} onClick={() => onOpen(view.search)}>
              {view.name}
            </Menu.Item>
          ))}
          {views.length > 0 && <Menu.Divider />}
          <Menu.Item onClick={() => setNaming(true)}>{t('logs:views.manage')}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {naming && (
        <Dialog title={t('logs:views.title')} onClose={() => setNaming(false)}>
          <form onSubmit={submit} className={css.naming}>
            <TextInput
              label={t('logs:views.name')}
              maxLength={60}
              data-autofocus
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Button type="submit" disabled={name.trim() === ''}>
              {t('logs:views.keep')}
            </Button>
          </form>
          <ul className={css.views}>
            {views.map((view) => (
              <li key={view.name}>
                {view.name}
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('logs:views.remove', { name: view.name })}
                  onClick={() => keep(views.filter((each) => each !== view))}
                >
                  <IconTrash size={16} />
                </ActionIcon>
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </>
  );
}
