/**
 * The standard error details of google.rpc, each under its own name as a schema and as a type.
 *
 * Source: google/rpc/error_details.proto.
 */
import type * as rpc from "./gen/google/rpc/error_details_pb.ts";
import {
  BadRequestSchema,
  DebugInfoSchema,
  ErrorInfoSchema,
  HelpSchema,
  LocalizedMessageSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RequestInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.ts";

/** Why the call failed, for programs: a reason, the domain it belongs to, and facts. */
export const ErrorInfo = ErrorInfoSchema;
export type ErrorInfo = rpc.ErrorInfo;

/** How long to wait before the call may be sent again. The retry policy obeys it. */
export const RetryInfo = RetryInfoSchema;
export type RetryInfo = rpc.RetryInfo;

/** Which quotas were exceeded. */
export const QuotaFailure = QuotaFailureSchema;
export type QuotaFailure = rpc.QuotaFailure;

/** Which fields of the request are wrong. */
export const BadRequest = BadRequestSchema;
export type BadRequest = rpc.BadRequest;

/** What must be true before the call can succeed. */
export const PreconditionFailure = PreconditionFailureSchema;
export type PreconditionFailure = rpc.PreconditionFailure;

/** Which resource the call was about. */
export const ResourceInfo = ResourceInfoSchema;
export type ResourceInfo = rpc.ResourceInfo;

/** How to find the request in the server's logs. */
export const RequestInfo = RequestInfoSchema;
export type RequestInfo = rpc.RequestInfo;

/** Links to documentation. */
export const Help = HelpSchema;
export type Help = rpc.Help;

/** A text that may be shown to a person. */
export const LocalizedMessage = LocalizedMessageSchema;
export type LocalizedMessage = rpc.LocalizedMessage;

/** Stack entries. It tells callers about the server's insides: for trusted callers only. */
export const DebugInfo = DebugInfoSchema;
export type DebugInfo = rpc.DebugInfo;

/** All of them, for whoever prints details by name. */
export const standardDetails = [
  ErrorInfo,
  RetryInfo,
  QuotaFailure,
  BadRequest,
  PreconditionFailure,
  ResourceInfo,
  RequestInfo,
  Help,
  LocalizedMessage,
  DebugInfo,
] as const;
