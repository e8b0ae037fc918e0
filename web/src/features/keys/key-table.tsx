import { ActionIcon, Badge, Menu } from '@mantine/core';

import { useWords } from '~/i18n/use-words';
import { formatMoney } from '~/i18n/money';
import { When } from '~/ui/amounts';
import { type Column, DataTable } from '~/ui/data-table';
import { IconBan, IconCircleCheck, IconDots, IconPencil, IconRefresh, IconTrash } from '~/ui/icons';

import type { Key } from './api';
import type { Asked } from './key-dialogs';
import css from './keys.module.css';
import { type KeyState, type Reset, stateOf } from './key-values';

const COLOURS: Record<KeyState, string> = { active: 'brand', disabled: 'gray', expired: 'orange', revoked: 'red' };

interface KeyTableProps {
  keys: Key[];
  mayChange: (key: Key) => boolean;
  onEdit: (key: Key) => void;
  onAsk: (asked: Asked) => void;
  more: { load: () => void; loading: boolean } | undefined;
}

export function KeyTable({ keys, mayChange, onEdit, onAsk, more }: KeyTableProps) {
  const { t } = useWords();
  const columns: Column<Key>[] = [
    {
      id: 'name',
      name: t('keys:column.name'),
      cell: (key) => (
        <span className={css.name}>
          <strong>{key.name}</strong>
          <code>{key.hint}</code>
        </span>
      ),
    },
    { id: 'state', name: t('keys:column.state'), cell: (key) => <State keyShown={key} /> },
    { id: 'limits', name: t('keys:column.limits'), cell: (key) => <Limits limited={key} /> },
    { id: 'used', name: t('keys:column.used'), cell: (key) => <When ns={key.last_used_at_ns} none={t('keys:never')} /> },
    { id: 'expires', name: t('keys:column.expires'), cell: (key) => <When ns={key.expires_at_ns} none={t('keys:never')} /> },
    { id: 'created', name: t('keys:column.created'), cell: (key) => <When ns={key.created_at_ns} /> },
    {
      id: 'actions',
      name: t('keys:column.actions'),
      menu: true,
      cell: (key) =>
        mayChange(key) && stateOf(key) !== 'revoked' ? <Actions of={key} onEdit={onEdit} onAsk={onAsk} /> : null,
    },
  ];
  return <DataTable caption={t('keys:title')} columns={columns} rows={keys} rowId={(key) => key.id} more={more} />;
}

function State({ keyShown }: { keyShown: Key }) {
  const { t } = useWords();
  const state = stateOf(keyShown);
  return (
    <span className={css.state}>
      <Badge variant="light" color={COLOURS[state]} tt="none" fw={550}>
        {t(`keys:state.${state}`)}
      </Badge>
      {keyShown.kind === 'management' && (
        <Badge variant="outline" color="gray" tt="none" fw={550}>
          {t('keys:state.management')}
        </Badge>
      )}
    </span>
  );
}

function Limits({ limited }: { limited: Key }) {
  const { t, language } = useWords();
  const count = (value: number) => new Intl.NumberFormat(language).format(value);
  const lines = [
    limited.limit_nanos != null &&
      [
        formatMoney(limited.limit_nanos, language),
        limited.limit_reset == null ? '' : t(`keys:per.${limited.limit_reset as Reset}`),
      ].join(' '),
    limited.rpm != null && t('keys:limit.rpm', { count: limited.rpm, shown: count(limited.rpm) }),
    limited.tpm != null && t('keys:limit.tpm', { count: limited.tpm, shown: count(limited.tpm) }),
    limited.concurrency != null && t('keys:limit.concurrency', { count: limited.concurrency }),
    limited.models.length > 0 && t('keys:limit.models', { count: limited.models.length }),
    limited.providers.length > 0 && t('keys:limit.providers', { count: limited.providers.length }),
    limited.ips.length > 0 && t('keys:limit.ips', { count: limited.ips.length }),
  ].filter((line) => line !== false);
  if (lines.length === 0) return <span className={css.none}>{t('keys:limit.none')}</span>;
  return (
    <span className={css.limits}>
      {lines.map((line) => (
        <span key={line}>{line}</span>
      ))}
    </span>
  );
}

interface ActionsProps {
  of: Key;
  onEdit: (key: Key) => void;
  onAsk: (asked: Asked) => void;
}

function Actions({ of, onEdit, onAsk }: ActionsProps) {
  const { t } = useWords();
  return (
    <Menu position="bottom-end" shadow="md" width={200}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t('keys:action.menu', { name: of.name })}>
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => onEdit(of)}>
          {t('keys:action.edit')}
        </Menu.Item>
        <Menu.Item leftSection={<IconRefresh size={16} />} onClick={() => onAsk({ what: 'rotate', key: of })}>
          {t('keys:action.rotate')}
        </Menu.Item>
        <Menu.Item
          leftSection={of.disabled ? <IconCircleCheck size={16} /> : <IconBan size={16} />}
          onClick={() => onAsk({ what: of.disabled ? 'enable' : 'disable', key: of })}
        >
          {of.disabled ? t('keys:action.enable') : t('keys:action.disable')}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item
          color="var(--mantine-color-error)"
          leftSection={<IconTrash size={16} />}
          onClick={() => onAsk({ what: 'revoke', key: of })}
        >
          {t('keys:action.revoke')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
