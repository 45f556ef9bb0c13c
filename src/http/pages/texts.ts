import { type Html, html } from './html.ts'
import type { Language } from './language.ts'

interface ScopeText {
  readonly title: string
  readonly about: string
}

export interface Texts {
  readonly errorPrefix: string
  readonly login: {
    readonly title: string
    readonly lead: string
    readonly leadFor: (client: Html) => Html
    readonly username: string
    readonly password: string
    readonly submit: string
    readonly footer: string
  }
  readonly failures: Readonly<
    Record<'credentials' | 'paused' | 'expired' | 'unavailable' | 'nothing_chosen', string>
  >
  readonly consent: {
    readonly title: string
    readonly lead: (client: Html) => Html
    readonly account: string
    readonly application: string
    readonly applicationId: string
    readonly description: string
    readonly returnsTo: string
    readonly scopes: string
    readonly scopesHint: string
    readonly noScopes: string
    readonly claims: string
    readonly warning: (host: Html) => Html
    readonly approve: string
    readonly deny: string
  }
  readonly client: Readonly<Record<'page' | 'policy' | 'terms', string>>
  readonly formPost: {
    readonly title: string
    readonly lead: (host: Html) => Html
    readonly submit: string
  }
  readonly device: {
    readonly title: string
    readonly lead: string
    readonly code: string
    readonly submit: string
    readonly wrong: string
    readonly askTitle: string
    readonly ask: (client: Html) => Html
    readonly shown: string
    readonly warning: string
    readonly approvedTitle: string
    readonly approved: string
    readonly deniedTitle: string
    readonly denied: string
  }
  readonly scopes: Readonly<
    Record<
      'read' | 'write' | 'openid' | 'profile' | 'email' | 'address' | 'phone' | 'offline_access',
      ScopeText
    >
  >
  readonly error: {
    readonly heading: string
    readonly advice: string
    readonly code: string
    readonly status: string
    readonly detail: string
    readonly byCode: Readonly<Record<ExplainedError, string>>
  }
  readonly welcome: {
    readonly title: string
    readonly lead: (username: Html) => Html
    readonly username: string
    readonly authorities: string
    readonly none: string
  }
  readonly logout: {
    readonly title: string
    readonly askedBy: (client: Html) => Html
    readonly question: string
    readonly submit: string
    readonly doneTitle: string
    readonly done: string
    readonly again: string
  }
}

export type ExplainedError =
  | 'invalid_request'
  | 'invalid_client'
  | 'unauthorized_client'
  | 'redirect_uri'
  | 'invalid_scope'
  | 'unsupported_response_type'
  | 'invalid_request_uri'
  | 'access_denied'
  | 'not_found'
  | 'too_many_requests'
  | 'server_error'
  | 'temporarily_unavailable'

const en: Texts = {
  errorPrefix: 'Error',
  login: {
    title: 'Sign in',
    lead: 'Use the account of your organisation.',
    leadFor: (client) => html`to continue to ${client}`,
    username: 'Username',
    password: 'Password',
    submit: 'Sign in',
    footer: 'Check the address in your browser before you enter a password.',
  },
  failures: {
    credentials: 'The username or the password is not right. Please try again.',
    paused: 'There were too many failed attempts. Please wait a while, then try again.',
    expired: 'This page was open for too long. Please try again.',
    unavailable: 'The service cannot answer at the moment. Nothing was changed. Please try again shortly.',
    nothing_chosen: 'Choose at least one permission, or deny the request.',
  },
  consent: {
    title: 'Allow access?',
    lead: (client) => html`${client} asks for access to your account.`,
    account: 'Signed in as',
    application: 'Application',
    applicationId: 'Application ID',
    description: 'Description',
    returnsTo: 'Returns you to',
    scopes: 'It would be allowed to',
    scopesHint: 'Clear the box of anything you do not want to allow.',
    noScopes: 'It asks for no permission beyond knowing that you signed in.',
    claims: 'It would learn',
    warning: (host) =>
      html`Whether you allow or deny, you go back to ${host}. Allow only if you came from there and trust it.`,
    approve: 'Allow',
    deny: 'Deny',
  },
  client: { page: 'About the application', policy: 'Privacy policy', terms: 'Terms of service' },
  formPost: {
    title: 'Going back',
    lead: (host) => html`You are being taken back to ${host}.`,
    submit: 'Continue',
  },
  device: {
    title: 'Connect a device',
    lead: 'Enter the code that the device shows.',
    code: 'Code',
    submit: 'Continue',
    wrong: 'This code is not known, or it has expired. Compare it with what the device shows.',
    askTitle: 'Connect this device?',
    ask: (client) => html`A device with ${client} asks for access to your account.`,
    shown: 'Code on the device',
    warning:
      'Allow only if you have the device before you and it shows this very code. Nobody who calls or writes to you needs it.',
    approvedTitle: 'The device is connected',
    approved: 'Go back to the device. You can close this page.',
    deniedTitle: 'The device was not connected',
    denied: 'It was given nothing. You can close this page.',
  },
  scopes: {
    read: { title: 'Read your data', about: 'See what the service holds for you. Nothing can be changed.' },
    write: { title: 'Change your data', about: 'Add, change and remove things in your name.' },
    openid: { title: 'Confirm who you are', about: 'Learn that it is you who signed in.' },
    profile: { title: 'See your profile', about: 'Your name and what else your profile shows.' },
    email: { title: 'See your e-mail address', about: 'Your address, and whether it has been confirmed.' },
    address: { title: 'See your postal address', about: 'Where you live or want to be written to.' },
    phone: { title: 'See your telephone number', about: 'Your number, and whether it has been confirmed.' },
    offline_access: {
      title: 'Keep access while you are away',
      about: 'Access stays until you or an administrator ends it.',
    },
  },
  error: {
    heading: 'This did not work',
    advice: 'Go back to the application you came from and start again from there.',
    code: 'Error code',
    status: 'Status',
    detail: 'Detail',
    byCode: {
      invalid_request: 'The application sent a request that is incomplete or not valid.',
      invalid_client: 'The application is not known here, or could not prove who it is.',
      unauthorized_client: 'The application may not ask in this way.',
      redirect_uri: 'The application asked to send you to an address that is not registered for it.',
      invalid_scope: 'The application asked for a permission that it cannot have.',
      unsupported_response_type: 'The application asked for a kind of answer that is not offered here.',
      invalid_request_uri: 'The request of the application has expired or was used before.',
      access_denied: 'Access was denied.',
      not_found: 'There is no page at this address.',
      too_many_requests: 'There were too many attempts. Please wait a moment and try again.',
      server_error: 'Something went wrong on our side.',
      temporarily_unavailable: 'The service cannot answer at the moment. Please try again shortly.',
    },
  },
  welcome: {
    title: 'You are signed in',
    lead: (username) => html`Welcome, ${username}.`,
    username: 'Username',
    authorities: 'Authorities',
    none: 'none',
  },
  logout: {
    title: 'Sign out?',
    askedBy: (client) => html`${client} asks to sign you out.`,
    question: 'You will have to sign in again to use the connected services.',
    submit: 'Sign out',
    doneTitle: 'You are signed out',
    done: 'On a computer that others use too, close the browser now.',
    again: 'Sign in again',
  },
}

const ko: Texts = {
  errorPrefix: '오류',
  login: {
    title: '로그인',
    lead: '소속 기관의 계정으로 로그인하세요.',
    leadFor: (client) => html`로그인하면 ${client} 서비스로 이동합니다.`,
    username: '사용자 이름',
    password: '비밀번호',
    submit: '로그인',
    footer: '비밀번호를 입력하기 전에 브라우저의 주소를 확인하세요.',
  },
  failures: {
    credentials: '사용자 이름 또는 비밀번호가 올바르지 않습니다. 다시 시도해 주세요.',
    paused: '로그인에 실패한 횟수가 너무 많습니다. 잠시 기다린 후 다시 시도해 주세요.',
    expired: '페이지가 너무 오래 열려 있었습니다. 다시 시도해 주세요.',
    unavailable: '지금은 서비스가 응답할 수 없습니다. 변경된 내용은 없습니다. 잠시 후 다시 시도해 주세요.',
    nothing_chosen: '권한을 하나 이상 선택하거나 요청을 거부하세요.',
  },
  consent: {
    title: '접근을 허용할까요?',
    lead: (client) => html`${client}에서 회원님의 계정에 대한 접근 권한을 요청합니다.`,
    account: '로그인 계정',
    application: '애플리케이션',
    applicationId: '애플리케이션 ID',
    description: '설명',
    returnsTo: '돌아갈 곳',
    scopes: '허용할 권한',
    scopesHint: '허용하지 않을 항목은 선택을 해제하세요.',
    noScopes: '로그인 여부를 확인하는 것 외에 다른 권한은 요청하지 않습니다.',
    claims: '알려 줄 정보',
    warning: (host) =>
      html`허용하거나 거부하면 ${host} 주소로 돌아갑니다. 그곳에서 왔고 신뢰할 수 있는 경우에만 허용하세요.`,
    approve: '허용',
    deny: '거부',
  },
  client: { page: '애플리케이션 소개', policy: '개인정보 처리방침', terms: '이용 약관' },
  formPost: {
    title: '돌아가는 중',
    lead: (host) => html`${host} 주소로 돌아갑니다.`,
    submit: '계속',
  },
  device: {
    title: '기기 연결',
    lead: '기기에 표시된 코드를 입력하세요.',
    code: '코드',
    submit: '계속',
    wrong: '알 수 없거나 만료된 코드입니다. 기기에 표시된 코드와 비교해 주세요.',
    askTitle: '이 기기를 연결할까요?',
    ask: (client) => html`${client} 기기에서 회원님의 계정에 대한 접근 권한을 요청합니다.`,
    shown: '기기에 표시된 코드',
    warning:
      '기기가 눈앞에 있고 바로 이 코드가 표시된 경우에만 허용하세요. 전화나 메시지로 코드를 요구하는 사람에게는 알려 주지 마세요.',
    approvedTitle: '기기가 연결되었습니다',
    approved: '기기로 돌아가세요. 이 페이지는 닫아도 됩니다.',
    deniedTitle: '기기를 연결하지 않았습니다',
    denied: '아무 권한도 주지 않았습니다. 이 페이지는 닫아도 됩니다.',
  },
  scopes: {
    read: { title: '데이터 조회', about: '서비스에 보관된 회원님의 데이터를 봅니다. 변경할 수는 없습니다.' },
    write: { title: '데이터 변경', about: '회원님의 이름으로 추가, 변경, 삭제합니다.' },
    openid: { title: '본인 확인', about: '로그인한 사람이 회원님임을 확인합니다.' },
    profile: { title: '프로필 조회', about: '이름 등 프로필에 표시되는 정보를 봅니다.' },
    email: { title: '이메일 주소 조회', about: '이메일 주소와 그 확인 여부를 봅니다.' },
    address: { title: '우편 주소 조회', about: '거주지 또는 우편물을 받을 주소를 봅니다.' },
    phone: { title: '전화번호 조회', about: '전화번호와 그 확인 여부를 봅니다.' },
    offline_access: {
      title: '자리를 비운 동안에도 접근 유지',
      about: '회원님이나 관리자가 종료할 때까지 접근이 유지됩니다.',
    },
  },
  error: {
    heading: '요청을 처리하지 못했습니다',
    advice: '이용하던 애플리케이션으로 돌아가 처음부터 다시 시작하세요.',
    code: '오류 코드',
    status: '상태',
    detail: '상세 내용',
    byCode: {
      invalid_request: '애플리케이션이 보낸 요청이 불완전하거나 올바르지 않습니다.',
      invalid_client: '등록되지 않은 애플리케이션이거나 애플리케이션을 확인할 수 없습니다.',
      unauthorized_client: '이 애플리케이션에는 허용되지 않은 요청 방식입니다.',
      redirect_uri: '애플리케이션이 요청한 이동 주소가 등록되어 있지 않습니다.',
      invalid_scope: '애플리케이션이 받을 수 없는 권한을 요청했습니다.',
      unsupported_response_type: '애플리케이션이 지원되지 않는 응답 방식을 요청했습니다.',
      invalid_request_uri: '애플리케이션의 요청이 만료되었거나 이미 사용되었습니다.',
      access_denied: '접근이 거부되었습니다.',
      not_found: '이 주소에 해당하는 페이지가 없습니다.',
      too_many_requests: '시도 횟수가 너무 많습니다. 잠시 후 다시 시도해 주세요.',
      server_error: '서버에서 문제가 발생했습니다.',
      temporarily_unavailable: '지금은 서비스가 응답할 수 없습니다. 잠시 후 다시 시도해 주세요.',
    },
  },
  welcome: {
    title: '로그인되었습니다',
    lead: (username) => html`${username}님, 환영합니다.`,
    username: '사용자 이름',
    authorities: '권한',
    none: '없음',
  },
  logout: {
    title: '로그아웃할까요?',
    askedBy: (client) => html`${client}에서 로그아웃을 요청했습니다.`,
    question: '연결된 서비스를 이용하려면 다시 로그인해야 합니다.',
    submit: '로그아웃',
    doneTitle: '로그아웃되었습니다',
    done: '여러 사람이 함께 쓰는 컴퓨터라면 지금 브라우저를 닫으세요.',
    again: '다시 로그인',
  },
}

export const texts: Readonly<Record<Language, Texts>> = { en, ko }
