### 命令行输出中的用语。

label-number = 单号
label-carrier = 快递公司
label-status = 状态
label-what = 发生了什么
label-next = 该做什么
label-progress = 进度
label-step = 第 { $step } 步，共 { $of } 步
label-milestone = 下一步
label-problem = 问题
label-also = 也可以
label-page = 网页
label-event = 记录
label-time-zone-unknown = 时区未知
label-disputed = 存疑
label-retracted = 已撤回
label-unknown = （目前）没有来源知道这个单号。
label-acknowledged = 已查看
label-assignee = 负责人
label-resolved = 已手动关闭
label-note = 备注
label-promised = 快递公司承诺
label-expected = 目前预计
