export { MembersPage } from './members-page';
export { useMembers } from './api';
