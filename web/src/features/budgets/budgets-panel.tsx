import { Badge, Button, Progress } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { share } from '~/i18n/money';
import { useTeam } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import { Confirm } from '~/ui/confirm';
import { type Column, DataTable } from '~/ui/data-table';
import { IconGauge, IconPlus } from '~/ui/icons';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Budget, useBudgets, useDeleteBudget } from './api';
import { BudgetModal, type Subjects } from './budget-modal';
import css from './budgets.module.css';

const HIGH = 80; // per cent; the first alert is sent there
const FULL = 100;

/** `subjects`: the names of keys and members, which are other slices' to know. */
export function BudgetsPanel({ subjects }: { subjects: Subjects }) {
  const { t } = useWords();
  const team = useTeam();
  const budgets = useBudgets(team.id);
  const [making, setMaking] = useState(false);
  const [deleted, setDeleted] = useState<Budget | null>(null);
  const create = team.may('budgets.write') ? (
    <Button size="xs" variant="default" leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>
      {t('budgets:create.open')}
    </Button>
  ) : undefined;
  const columns: Column<Budget>[] = [
    { id: 'subject', name: t('budgets:column.subject'), cell: (budget) => <Subject budget={budget} subjects={subjects} /> },
    { id: 'mode', name: t('budgets:column.mode'), cell: (budget) => <Mode budget={budget} /> },
    { id: 'spent', name: t('budgets:column.spent'), cell: (budget) => <Spent budget={budget} /> },
    {
      id: 'resets',
      name: t('budgets:column.resets'),
      cell: (budget) => <When ns={budget.period_ends_at_ns} none={t('budgets:never')} />,
    },
    ...(create === undefined
      ? []
      : [
          {
            id: 'actions',
            name: t('budgets:column.actions'),
            end: true,
            cell: (budget: Budget) => (
              <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setDeleted(budget)}>
                {t('budgets:delete.action')}
              </Button>
            ),
          },
        ]),
  ];
  return (
    <Panel title={t('budgets:title')} note={t('budgets:lead')} action={create} flush>
      <Loaded query={budgets} rows={2}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={<IconGauge />} title={t('budgets:empty.title')} text={t('budgets:empty.text')} />
          ) : (
            <DataTable caption={t('budgets:title')} columns={columns} rows={rows} rowId={(budget) => budget.id} />
          )
        }
      </Loaded>
      {making && <BudgetModal subjects={subjects} onClose={() => setMaking(false)} />}
      {deleted !== null && <Delete budget={deleted} onClose={() => setDeleted(null)} />}
    </Panel>
  );
}

function Subject({ budget, subjects }: { budget: Budget; subjects: Subjects }) {
  const { t } = useWords();
  const known = budget.scope === 'team' ? undefined : subjects[budget.scope].find((s) => s.id === budget.subject_id);
  return (
    <span className={css.subject}>
      <strong>
        {t(`budgets:period.${budget.period}`)} · {t(`budgets:scope.${budget.scope}`)}
      </strong>
      {budget.scope !== 'team' && <span>{known?.name ?? budget.subject_id}</span>}
    </span>
  );
}

function Mode({ budget }: { budget: Budget }) {
  const { t } = useWords();
  return (
    <Badge variant="light" color={budget.mode === 'block' ? 'red' : 'brand'} tt="none" fw={550}>
      {t(`budgets:mode.${budget.mode}`)}
    </Badge>
  );
}

function Spent({ budget }: { budget: Budget }) {
  const { t } = useWords();
  const used = share(budget.spent_nanos, budget.limit_nanos);
  const colour = used >= FULL ? 'red' : used >= HIGH ? 'orange' : 'brand';
  return (
    <span className={css.spent}>
      <span>
        <Money value={budget.spent_nanos} places={4} /> / <Money value={budget.limit_nanos} places={9} />
      </span>
      <Progress size="xs" value={used} color={colour} aria-label={t('budgets:used')} />
    </span>
  );
}

function Delete({ budget, onClose }: { budget: Budget; onClose: () => void }) {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const remove = useDeleteBudget(team.id);
  return (
    <Confirm
      title={t('budgets:delete.title')}
      consequence={t('budgets:delete.consequence')}
      action={t('budgets:delete.action')}
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() =>
        remove.mutate(budget, {
          onSuccess: () => {
            notices.done(t('budgets:delete.done'));
            onClose();
          },
        })
      }
      onClose={onClose}
    />
  );
}
