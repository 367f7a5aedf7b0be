"""What became of deliveries, and sending again."""

from switchhook.api.route import BODY, PAGE, Param, Route
from switchhook.api.scopes import WEBHOOKS
from switchhook.api.shapes import deliveries as shapes

ROUTES: tuple[Route, ...] = (
    Route(
        "list_deliveries",
        "GET",
        "/v2/api/webhooks/{webhook_id}/deliveries",
        "List a webhook's deliveries, newest first",
        scopes=(WEBHOOKS,),
        answer=list[shapes.Delivery],
        paged=True,
        query=(
            Param("status", "Only these.", {"type": "string", "enum": ["pending", "succeeded", "failed"]}),
            *PAGE,
        ),
        codes=("WEBHOOK_NOT_FOUND", "INVALID_PAGE_SIZE", "INVALID_PARAMETER"),
        tag="Deliveries",
    ),
    Route(
        "get_delivery",
        "GET",
        "/v2/api/deliveries/{delivery_id}",
        "Get a delivery with its payload and attempts",
        scopes=(WEBHOOKS,),
        answer=shapes.DeliveryDetail,
        codes=("DELIVERY_NOT_FOUND",),
        tag="Deliveries",
    ),
    Route(
        "retry_delivery",
        "POST",
        "/v2/api/deliveries/{delivery_id}/retry",
        "Send a delivery again, now",
        "Whatever became of it. The same `webhook-id`, the same bytes, and the whole schedule before it.",
        scopes=(WEBHOOKS,),
        answer=shapes.Delivery,
        status=202,
        codes=("DELIVERY_NOT_FOUND",),
        tag="Deliveries",
    ),
    Route(
        "recover_webhook",
        "POST",
        "/v2/api/webhooks/{webhook_id}/recover",
        "Replay what failed or was never attempted since a date",
        "A job that survives a restart and has no upper limit. What has succeeded is not sent again.",
        scopes=(WEBHOOKS,),
        body=shapes.RecoveryAsked,
        answer=shapes.Recovery,
        status=202,
        codes=(*BODY, "WEBHOOK_NOT_FOUND"),
        tag="Deliveries",
    ),
    Route(
        "get_recovery",
        "GET",
        "/v2/api/recoveries/{recovery_id}",
        "How far a recovery has come",
        scopes=(WEBHOOKS,),
        answer=shapes.Recovery,
        codes=("RECOVERY_NOT_FOUND",),
        tag="Deliveries",
    ),
)
