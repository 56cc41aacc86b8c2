### 问题、该怎么办、由谁来办。$audience 为 "recipient"（收件人）或 "shipper"（寄件人）。

exception-delay = 延误
    .text = 包裹将比计划晚到。
exception-no-update = 很久没有消息
    .text = 没有消息的时间比平常更长，但这并不表示包裹已丢失。
exception-not-handed-over = 尚未交寄
    .text = 快递公司已收到包裹信息，但尚未报告收到包裹。
exception-customs = 等待海关
    .text = 海关暂时留置包裹。
exception-address = 地址有问题
    .text = 快递公司无法将包裹送到此地址。
exception-failed-delivery = 派送未成功
    .text = 快递公司尝试派送包裹，但没有成功。
exception-refused-or-unclaimed = 未接收或未领取
    .text = 包裹未被接收，或尚未被领取。
exception-hold = 暂时留存
    .text = 快递公司暂时留存包裹。
exception-damage = 已损坏
    .text = 有报告称包裹已损坏。
exception-loss = 找不到
    .text = 快递公司找不到包裹，或已确认丢失。
exception-routing = 送错地方
    .text = 包裹被送到了错误的地方，将从那里重新转送。
exception-return = 正在退回寄件人
    .text = 包裹正在退回寄件人。
exception-compliance = 不得继续运输
    .text = 包裹目前的情况不允许运输或进口。
exception-data-quality = 报告相互矛盾
    .text = 关于包裹的报告相互矛盾，它可能在别的地方。
exception-other = 快递公司报告了问题
    .text = 快递公司报告了一个问题，但没有说明具体原因。
exception-missing-contents = 内件缺失
    .text = 包裹里缺少物品。

## 该做什么：名称、对要做的人怎么说、对另一方怎么说。
## $who 是下面的某一方，位于句首。

action-wait = 等待
    .you = 您无需做任何事。
    .other = { $who }正在处理，您无需做任何事。
action-provide-information = 提供资料
    .you = 请向快递公司提供缺少的文件或信息。
    .other = { $who }需要提供文件或信息。
action-pay-charges = 支付应付款项
    .you = 请支付应付款项，并且只通过快递公司自己的网页或网点支付。
    .other = { $who }需要支付应付款项。
action-correct-address = 更正地址
    .you = 请向快递公司提供正确、完整的地址。
    .other = { $who }需要更正地址。
action-arrange-redelivery = 约定重新派送
    .you = 请与快递公司约定新的派送日期或地点。
    .other = { $who }需要约定新的派送日期或地点。
action-collect = 领取包裹
    .you = 请领取包裹，并携带身份证件。
    .other = { $who }需要领取包裹。
action-contact-carrier = 询问快递公司
    .you = 请询问快递公司包裹在哪里。
    .other = { $who }可以询问快递公司包裹在哪里。
action-hand-over = 交寄包裹
    .you = 请将包裹交给快递公司。如果已经交寄，请向快递公司询问包裹在哪里。
    .other = { $who }需要交寄包裹，或向快递公司询问包裹在哪里。
action-file-claim = 申请赔偿
    .you = 请向快递公司申请赔偿。
    .other = { $who }可以向快递公司申请赔偿。
action-reship-or-refund = 补寄或退款
    .you = 请与收件人商量补寄或退款。
    .other = { $who }决定补寄或退款。
action-review-data = 核对报告
    .you = 请核对各方报告。
    .other = { $who }正在核对各方报告，您无需做任何事。
action-change-to-pickup-point = 改送代收点
    .you = 请将包裹改送到代收点。
    .other = { $who }可以将包裹改送到代收点。
action-return-or-dispose = 决定是否退回
    .you = 请告诉快递公司是退回还是处理包裹。
    .other = { $who }决定包裹是否退回。
action-open-investigation = 要求查找
    .you = 请要求快递公司查找包裹。
    .other = { $who }正在查找包裹。
action-collect-evidence = 保留证据
    .you = { $audience ->
        [recipient] 请保留包装并拍照。
       *[shipper] 请让收件人保留包装并拍照。
    }
    .other = { $audience ->
        [recipient] 请保留包装、拍照，并告诉寄件人。
       *[shipper] { $who }正在调查，请保留您这边关于包裹的资料。
    }

owner-nobody = 无人
owner-recipient = 收件人
owner-shipper = 寄件人
owner-carrier = 快递公司
owner-authority = 海关
owner-operator = 查询服务
# 需要另一方处理：读者可以怎么做。
tell-shipper = 您可以向寄件人询问。
tell-recipient = 请告知收件人。
