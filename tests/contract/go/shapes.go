package main

import "time"

// The structs are written by the rules old callers follow: plain int64, float64 and
// time.Time, decoded by encoding/json. Pointers tell "absent" from zero; a field may be
// null only where its tag says null:"ok".

type health struct {
	Status         *string `json:"status"`
	Connected      *bool   `json:"connected"`
	Version        *string `json:"version"`
	MarketDataMode *string `json:"market_data_mode"`
	PaperTrading   *bool   `json:"paper_trading"`
}

type connect struct {
	Success *bool   `json:"success"`
	Message *string `json:"message"`
}

type quote struct {
	Symbol    *string    `json:"symbol"`
	Price     *float64   `json:"price"`
	Bid       *float64   `json:"bid"`
	Ask       *float64   `json:"ask"`
	BidSize   *int64     `json:"bid_size"`
	AskSize   *int64     `json:"ask_size"`
	Volume    *int64     `json:"volume"`
	Timestamp *time.Time `json:"timestamp"`
	Exchange  *string    `json:"exchange"`
}

type candle struct {
	Timestamp *time.Time `json:"timestamp"`
	Open      *float64   `json:"open"`
	High      *float64   `json:"high"`
	Low       *float64   `json:"low"`
	Close     *float64   `json:"close"`
	Volume    *int64     `json:"volume"`
	VWAP      *float64   `json:"vwap"`
}

type candles struct {
	Symbol  *string   `json:"symbol"`
	Candles *[]candle `json:"candles"`
	Count   *int64    `json:"count"`
}

type placed struct {
	Success *bool   `json:"success"`
	OrderID *int64  `json:"order_id"`
	Message *string `json:"message"`
}

type orderState struct {
	OrderID      *int64     `json:"order_id"`
	Status       *string    `json:"status"`
	FilledQty    *int64     `json:"filled_qty"`
	AvgFillPrice *float64   `json:"avg_fill_price"`
	LastUpdate   *time.Time `json:"last_update"`
}

type order struct {
	OrderID      *int64     `json:"order_id"`
	Symbol       *string    `json:"symbol"`
	Action       *string    `json:"action"`
	OrderType    *string    `json:"order_type"`
	Quantity     *int64     `json:"quantity"`
	LimitPrice   *float64   `json:"limit_price" null:"ok"`
	StopPrice    *float64   `json:"stop_price" null:"ok"`
	Status       *string    `json:"status"`
	FilledQty    *int64     `json:"filled_qty"`
	RemainingQty *int64     `json:"remaining_qty"`
	AvgFillPrice *float64   `json:"avg_fill_price"`
	Source       *string    `json:"source"`
	CanCancel    *bool      `json:"can_cancel"`
	ParentID     *int64     `json:"parent_id" null:"ok"`
	OrderRef     *string    `json:"order_ref" null:"ok"`
	CreatedAt    *time.Time `json:"created_at"`
	UpdatedAt    *time.Time `json:"updated_at"`
}

type orders struct {
	Orders *[]order `json:"orders"`
	Count  *int64   `json:"count"`
}

type cancelled struct {
	Success *bool   `json:"success"`
	OrderID *int64  `json:"order_id"`
	Status  *string `json:"status"`
	Message *string `json:"message"`
}

type bracket struct {
	Success       *bool    `json:"success"`
	ParentOrderID *int64   `json:"parent_order_id"`
	ChildOrderIDs *[]int64 `json:"child_order_ids"`
	Message       *string  `json:"message"`
}

type position struct {
	Symbol        *string  `json:"symbol"`
	ContractID    *int64   `json:"contract_id"`
	Quantity      *int64   `json:"quantity"`
	AvgCost       *float64 `json:"avg_cost"`
	MarketPrice   *float64 `json:"market_price"`
	MarketValue   *float64 `json:"market_value"`
	UnrealizedPnL *float64 `json:"unrealized_pnl"`
	RealizedPnL   *float64 `json:"realized_pnl"`
	Account       *string  `json:"account"`
}

type positions struct {
	Positions *[]position `json:"positions"`
	Count     *int64      `json:"count"`
}

type protection struct {
	Success           *bool    `json:"success"`
	OrderIDs          *[]int64 `json:"order_ids"`
	CancelledOrderIDs *[]int64 `json:"cancelled_order_ids"`
	Message           *string  `json:"message"`
}

type account struct {
	AccountID      *string  `json:"account_id"`
	NetLiquidation *float64 `json:"net_liquidation"`
	TotalCash      *float64 `json:"total_cash"`
	BuyingPower    *float64 `json:"buying_power"`
	EquityWithLoan *float64 `json:"equity_with_loan"`
	Currency       *string  `json:"currency"`
}

type executorAccount struct {
	Success *bool `json:"success"`
	Account *struct {
		NetLiquidation *float64 `json:"net_liquidation"`
		BuyingPower    *float64 `json:"buying_power"`
		Currency       *string  `json:"currency"`
	} `json:"account"`
}

type executorStatus struct {
	Success *bool `json:"success"`
	Status  *struct {
		OrderID      *int64   `json:"order_id"`
		Status       *string  `json:"status"`
		FilledQty    *int64   `json:"filled_qty"`
		AvgFillPrice *float64 `json:"avg_fill_price"`
	} `json:"status"`
}

type executorPositions struct {
	Success   *bool `json:"success"`
	Positions *[]struct {
		Symbol   *string `json:"symbol"`
		Quantity *int64  `json:"quantity"`
	} `json:"positions"`
}

// newShape returns an empty struct of the named shape, nil for a name nobody knows.
func newShape(name string) any {
	switch name {
	case "health":
		return &health{}
	case "connect":
		return &connect{}
	case "quote":
		return &quote{}
	case "candles":
		return &candles{}
	case "placed":
		return &placed{}
	case "order_state":
		return &orderState{}
	case "orders":
		return &orders{}
	case "cancelled":
		return &cancelled{}
	case "bracket":
		return &bracket{}
	case "positions":
		return &positions{}
	case "protection":
		return &protection{}
	case "account":
		return &account{}
	case "executor_account":
		return &executorAccount{}
	case "executor_status":
		return &executorStatus{}
	case "executor_positions":
		return &executorPositions{}
	}
	return nil
}
