### 包裹在哪里：状态、未知代码的阶段、里程碑，以及相关的句子。
### $audience 为 "recipient"（收件人）或 "shipper"（寄件人）。

status-pending = 暂无消息
    .text = 还没有快递公司报告过这个包裹的消息。
    .next = { $audience ->
        [recipient] 您无需做任何事，请稍后再查看。
       *[shipper] 如果过几天仍无消息，请核对单号。
    }
status-info-received = 已通知快递公司
    .text = 快递公司已知道这个包裹，但尚未收到。
    .next = { $audience ->
        [recipient] 您无需做任何事。
       *[shipper] 如果尚未交件，请将包裹交给快递公司。
    }
status-in-transit = 运输途中
    .text = { $audience ->
        [recipient] 包裹正在送往您处的途中。
       *[shipper] 包裹正在送往收件人的途中。
    }
    .next = 您无需做任何事。
status-out-for-delivery = 派送中
    .text = 包裹已装上派送车。
    .next = { $audience ->
        [recipient] 请确保有人可以接收。
       *[shipper] 您无需做任何事。
    }
status-delivery-attempted = 派送未成功
    .text = 快递公司未能送达包裹。
    .next = { $audience ->
        [recipient] 请查看快递公司留下的通知，上面写有您可以怎么做。
       *[shipper] 收件人需要与快递公司约定重新派送。
    }
status-available-for-pickup = 可以领取
    .text = { $audience ->
        [recipient] 您可以去领取包裹。
       *[shipper] 收件人可以去领取包裹。
    }
    .next = { $audience ->
        [recipient] 请按时领取，并携带身份证件。
       *[shipper] 您无需做任何事。
    }
status-delivered = 已送达
    .text = 包裹已送达。
    .next = { $audience ->
        [recipient] 如果您没有收到，请先询问家人和邻居，再联系寄件人。
       *[shipper] 您无需做任何事。
    }
status-returning = 正在退回寄件人
    .text = 包裹正在退回寄件人。
    .next = { $audience ->
        [recipient] 请联系寄件人，商量补寄或退款。
       *[shipper] 请与收件人商量补寄或退款。
    }
status-returned = 已退回寄件人
    .text = 寄件人已收回包裹。
    .next = { $audience ->
        [recipient] 请联系寄件人，商量补寄或退款。
       *[shipper] 请与收件人商量补寄或退款。
    }
status-cancelled = 已取消
    .text = 寄件在开始之前已取消。
    .next = { $audience ->
        [recipient] 如果您仍在等这个包裹，请询问寄件人。
       *[shipper] 您无需做任何事。
    }
status-failed = 无法送达
    .text = 包裹不会送达了。它已丢失、被销毁或被有关部门没收。
    .next = { $audience ->
        [recipient] 请联系寄件人，商量补寄或退款。
       *[shipper] 请申请赔偿，并与收件人商量补寄或退款。
    }

## 新版本的代码属于哪个阶段：编号的第一位数字。

phase-1 = 运输之前
    .text = 有快递公司收件之前的新消息。
phase-2 = 起点
    .text = 有来自寄出地的新消息。
phase-3 = 运输途中
    .text = 有包裹运输途中的新消息。
phase-4 = 海关
    .text = 有海关关于包裹的新消息。
phase-5 = 接近目的地
    .text = 有来自派送地区的新消息。
phase-6 = 派送
    .text = 有关于包裹派送的新消息。
phase-7 = 退回
    .text = 有关于包裹退回的新消息。
phase-8 = 问题
    .text = 有关于包裹问题的新消息。
phase-9 = 备注
    .text = 有一条关于包裹的备注。

## 路程中的各步。

milestone-info-received = 已通知快递公司
milestone-picked-up = 快递公司已收件
milestone-in-transit = 运输途中
milestone-at-facility = 在中转站
milestone-departed-origin = 已离开寄出国家
milestone-arrived-destination = 已到达目的地国家
milestone-customs-cleared = 海关已放行
milestone-out-for-delivery = 派送中
milestone-available-for-pickup = 可以领取
milestone-delivered = 已送达
milestone-returning = 开始退回
milestone-returned = 已退回寄件人

## 相关的句子。

# 两个句子之间的内容。
between = { "" }
because = 原因：{ $reason }。
last-seen = 最近一次记录：{ $place }，{ $date }。
last-place = 最近一次记录：{ $place }。
last-time = 最近一次记录：{ $date }。
place = { $country } { $city }
next = 下一步：{ $milestone }。
announced = 预告的送达日期：{ $date }。
announced-between = 预告的送达日期：{ $start }至{ $end }。
forecast = 我们预计{ $date }送达。这是我们根据这条路线上的{ $count }个包裹自行估算的，快递公司并没有这样说。
forecast-between = 我们预计{ $start }至{ $end }送达。这是我们根据这条路线上的{ $count }个包裹自行估算的，快递公司并没有这样说。
silence-sea = 包裹正在海上运输。大约{ $date }之前不会有新的消息，这属于正常情况。
silence-air = 包裹正在两个国家之间运输。大约{ $date }之前不会有新的消息，这属于正常情况。
silence-lane = 在这段路程中，包裹一段时间内不会被登记。大约{ $date }之前不会有新的消息，这属于正常情况。
silence-peak = 目前是旺季。大约{ $date }之前不会有新的消息，这属于正常情况。
collect-by = 最后领取日期：{ $date }。
deadline = 截止日期：{ $date }。
carrier-name = 快递公司：{ $carrier }。
resolved = 这个问题已经解决。
# 时区未知的日期。
in-utc = { $date }（协调世界时）
date = { $year }年{ $month }月{ $day }日
